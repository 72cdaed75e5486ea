/**
 * The words that make a column's name suspicious. A name is split into words first (names.ts), so that `compass`,
 * `tokenizer` or `passenger` contain none of these. An entry of several words matches them side by side.
 */

export interface SensitiveWord {
  readonly words: string
  /** `certain`: hardly ever means anything else. `likely`: often enough a secret to be left out unless told otherwise. */
  readonly confidence: 'certain' | 'likely'
  /** What an INTEGER may hold; whole numbers under any other word are counts, flags or keys of rows. */
  readonly isNumeric?: true
}

export const SENSITIVE_WORDS: readonly SensitiveWord[] = [
  ...certain(
    'password, passwords, passwd, passwds, pwd, pwds, passphrase, passphrases, passcode, pass phrase',
    'pass hash, passhash, pass salt, pw hash, pwhash, pw salt, password hash, hashed pass, pass digest',
    'salt, salts, secret, secrets, token, tokens, credential, credentials, jwt, jwts, bearer',
    'api key, api keys, apikey, apikeys, app key, auth key, auth keys, authkey, access key, access keys, accesskey',
    'private key, private keys, privatekey, privkey, priv key, secret key, secretkey, master key, masterkey',
    'encryption key, enc key, signing key, hmac key, ssh key, ssh keys, session key, sessionkey, service key',
    'access token, accesstoken, refresh token, refreshtoken, auth token, authtoken, id token, client secret',
    'clientsecret, mfa secret, totp secret, otp secret, two factor secret, mfa key, mfa seed, otp seed, totp seed',
    'recovery code, recovery codes, backup code, backup codes, scratch codes, seed phrase, security answer',
    'keystore, pfx, pkcs12, htpasswd, passwort, kennwort, wachtwoord, contrasena, senha, mot de passe',
  ),
  ...certainNumeric(
    'otp, otps, totp, hotp, otp code, ssn, ssns, social security, cvv, cvv2, cvc, cvc2',
    'card number, card numbers, card no, card num, cardnumber, cardno, credit card, creditcard, debit card',
    'cc number, cc num, cc no, ccnum, ccnumber, iban, ibans',
  ),
  ...likely(
    'pass, pw, psw, mdp, session, sessions, sid, sess, session id, sessionid, session data, cookie, cookies',
    'auth, auth code, auth data, auth hash, authorization, connection string, connectionstring, dsn, mnemonic',
    'pem, two factor, mfa, 2 fa, mfa code, reset code, verification code, activation code, invite code',
    'magic link, reset link, reset key, activation key, passkey, passkeys, kek, security question',
  ),
  ...likelyNumeric(
    'pin, pins, pin code, pan, pans, bank account, account number, routing number, tax id, national id',
    'passport number, passport no, passport',
  ),
]

/** A name that ends so tells something of a secret, and is none: `token_expires_at`, `password_version`, `secret_name`. */
export const LAST_WORDS_OF_FACTS: ReadonlySet<string> = new Set(
  list(
    'at, on, date, time, timestamp, expires, expire, expiry, expiration, expired, ttl, age, days, hours, minutes',
    'seconds, ms, type, kind, class, count, counts, counter, total, sum, length, len, size, enabled, disabled',
    'required, status, state, version, algorithm, algo, alg, attempts, attempt, tries, retries, failures, limit',
    'max, min, policy, strength, name, label, title, description, scope, scopes, issuer, provider, index, order',
    'used, uses, usage, revoked, rotated, changed, updated, created, deleted, valid, verified, confirmed, set',
    'id, ids, endpoint, method, flag, number of, year, month, locale, duration, timeout, rounds, iterations, cost',
  ),
)

/** Its end is a fact's, yet it is a secret itself. */
export const SECRETS_ALL_THE_SAME: ReadonlySet<string> = new Set(
  list('session id, tax id, national id, card number'),
)

/** A name that begins so is a flag, a count or a limit: `has_password`, `max_tokens`, `is_secret`. */
export const FIRST_WORDS_OF_FACTS: ReadonlySet<string> = new Set(
  list(
    'is, has, had, can, should, must, needs, need, requires, require, allow, allows, num, number, count, max, min',
    'total, avg, uses, use, days, n, no',
  ),
)

/** Names of what says, in a table of settings, which setting a row is, and of what then holds it. */
export const SETTING_KEY_NAMES: ReadonlySet<string> = new Set(
  list('key, name, option, setting, variable, property, param, parameter, k, code, option name, meta key'),
)
export const SETTING_VALUE_NAMES: ReadonlySet<string> = new Set(
  list('value, values, val, data, content, v, text, option value, meta value, string value, raw'),
)

/** Tables that are nothing but secrets, and the columns that then hold them, whatever they are called. */
export const SECRET_TABLE_WORDS: ReadonlySet<string> = new Set(
  list('session, sessions, password, passwords, secret, secrets, token, tokens, credential, credentials'),
)
export const SECRET_TABLE_COLUMNS: ReadonlySet<string> = new Set(
  list('id, key, value, hash, data, digest, payload, blob, body'),
)

function certain(...lines: readonly string[]): SensitiveWord[] {
  return list(...lines).map(words => ({ words, confidence: 'certain' }))
}

function certainNumeric(...lines: readonly string[]): SensitiveWord[] {
  return list(...lines).map(words => ({ words, confidence: 'certain', isNumeric: true }))
}

function likely(...lines: readonly string[]): SensitiveWord[] {
  return list(...lines).map(words => ({ words, confidence: 'likely' }))
}

function likelyNumeric(...lines: readonly string[]): SensitiveWord[] {
  return list(...lines).map(words => ({ words, confidence: 'likely', isNumeric: true }))
}

function list(...lines: readonly string[]): string[] {
  return lines.flatMap(line => line.split(',').map(entry => entry.trim()))
}
