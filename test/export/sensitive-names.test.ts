import { describe, expect, test } from 'vitest'
import { judgeName, splitWords } from '../../src/export/sensitive/names.ts'

const CERTAIN = [
  'password', 'Passwd', 'user_password', 'userPassword', 'PASSWORD_HASH', 'userpassword', 'pwd', 'pass_hash', 'passwordhash',
  'pwhash', 'hashedPassword', 'salt', 'pw_salt', 'token', 'api_token', 'refreshToken', 'access-token', 'APIKey', 'apikey',
  'api key 2', 'client_secret', 'privateKey', 'ssh_private_key', 'stripe_secret_key', 'otp', 'totpSecret', 'mfa_secret',
  'backup_codes', 'ssn', 'iban', 'card_number', 'cardNumber', 'creditCard', 'cvv', 'cvv2', 'cc_number', 'passphrase',
  'credentials', 'jwt', 'encryption_key', 'contraseña', 'passwort', 'session_token', 'password_hint', 'reset_password_token',
] // prettier-ignore
const LIKELY = [
  'session',
  'session_id',
  'sessionId',
  'sid',
  'cookie',
  'pin',
  'pan',
  'pass',
  'dsn',
  'account_number',
  'tax_id',
]
const HARMLESS = [
  'compass', 'tokenizer', 'passenger', 'passengers', 'secretary', 'saltwater', 'basalt', 'pinned', 'spin', 'pancake', 'company',
  'session_count', 'token_count', 'password_changed_at', 'password_version', 'has_password', 'is_secret', 'max_tokens',
  'token_expires_at', 'tokenExpiry', 'token_type', 'secret_name', 'api_key_id', 'token_id', 'otp_enabled', 
  'sessions_total', 'id', 'email', 'phone', 'hash', 'file_hash', 'public_key', 'primary_key', 'key', 'author', 'authority',
  'author_id', 'opinion', 'description', 'card', 'cardinality', 'discard', 'passed', 'bypass', 'inside', 'assessment', 'obsession',
] // prettier-ignore

describe('Sensitive names', () => {
  test.each(CERTAIN)('%s is surely sensitive', name => {
    expect(judgeName(name, [])?.confidence).toBe('certain')
  })

  test.each(LIKELY)('%s is probably sensitive', name => {
    expect(judgeName(name, [])?.confidence).toBe('likely')
  })

  test.each(HARMLESS)('%s is harmless', name => {
    expect(judgeName(name, [])).toBeNull()
  })

  test('words of the caller hit in every notation, and whatever stands around them', () => {
    expect(judgeName('customerShoeSize_id', ['shoe size'])).toMatchObject({
      word: 'shoe size',
      confidence: 'certain',
    })
    expect(judgeName('shoe', ['shoe_size'])).toBeNull()
    expect(judgeName('anything', ['', '--'])).toBeNull()
  })

  test('names are split at case, digits, signs and blanks', () => {
    expect(splitWords('userAPIKey2')).toEqual(['user', 'api', 'key', '2'])
    expect(splitWords('x-my_card number.CVV2')).toEqual(['x', 'my', 'card', 'number', 'cvv2'])
    expect(splitWords('')).toEqual([])
  })
})
