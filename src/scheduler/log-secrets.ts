/**
 * Keeps secrets out of the log, by looking at the finished line: whatever put them there, a message, an error's
 * stack or a field, gets past no other place.
 */

const HIDDEN = '[hidden]'

/** Fields that hold secrets by their names, whatever their value is. */
const SECRET_NAME =
  /pass(?:word|wd|phrase)|secret|token|credential|authorization|cookie|(?:api|access|private|signing|encryption|redaction|hmac)[-_]?key|webhook|ping[-_]?url|^dsn$/i
/** The same in text: `password=…`, `"token": "…"`, `Authorization: Bearer …`. */
const ASSIGNED =
  /((?:pass(?:word|wd|phrase)|secret|token|credential|(?:api|access|private|signing|encryption|redaction|hmac)[-_]?key)[\w-]*["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&}]+)/gi
const AUTHORIZATION = /\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}/gi
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g
const AGE_KEY = /AGE-SECRET-KEY-[A-Z0-9-]+/gi
/** Where a web address leads is shown; its path and query are what chat services and monitors hide tokens in. */
const WEB_ADDRESS = /\b(https?:\/\/)(?:[^\s/?#@"'<>]*@)?([^\s/?#@"'<>]+)[/?#][^\s"'<>]*/gi
const USER_IN_ADDRESS = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"'<>]+@/gi
/** Shorter values, such as an empty password, would blank out half of each line. */
const SECRET_CHARACTERS_MIN = 4

/** `entry` without the values named in `secrets`, in any of the forms in which they travel, and without what looks like one. */
export function hideSecrets(
  entry: Readonly<Record<string, unknown>>,
  secrets: readonly string[],
): Record<string, unknown> {
  const known = secrets
    .filter(secret => secret.length >= SECRET_CHARACTERS_MIN)
    .flatMap(formsOf)
    // A secret that is the beginning of another must not leave the other's end behind.
    .toSorted((a, b) => b.length - a.length)
  return hideInObject(entry, known)
}

function hideInObject(
  object: Readonly<Record<string, unknown>>,
  known: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => [
      hideInText(name, known),
      SECRET_NAME.test(name) && value !== null ? HIDDEN : hideInValue(value, known),
    ]),
  )
}

function hideInValue(value: unknown, known: readonly string[]): unknown {
  if (typeof value === 'string') return hideInText(value, known)
  if (Array.isArray(value)) return value.map(each => hideInValue(each, known))
  if (typeof value === 'object' && value !== null)
    return hideInObject(value as Record<string, unknown>, known)
  return value
}

function hideInText(text: string, known: readonly string[]): string {
  return known
    .reduce((left, secret) => left.replaceAll(secret, HIDDEN), text)
    .replaceAll(PRIVATE_KEY, HIDDEN)
    .replaceAll(AGE_KEY, HIDDEN)
    .replaceAll(WEB_ADDRESS, `$1$2/${HIDDEN}`)
    .replaceAll(USER_IN_ADDRESS, `$1${HIDDEN}@`)
    .replaceAll(AUTHORIZATION, `$1 ${HIDDEN}`)
    .replaceAll(ASSIGNED, `$1${HIDDEN}`)
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  return [
    ...new Set([
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret.toWellFormed()),
      bytes.toString('base64').replace(/=+$/, ''),
      bytes.toString('base64url'),
      bytes.toString('hex'),
    ]),
  ]
}
