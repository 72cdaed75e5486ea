/**
 * The grammar of keys: `[A-Za-z0-9._-]` parts with `/` between them, none of which begins with a dot. A key is the
 * same name on every kind of target and can be no path out of its root, whoever made it.
 */
import { BackupError } from '../errors.ts'

const PART = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/
/** `blocks/ab/pack` and `metadata/name.json` need three; a hostile listing must not nest for ever. */
export const KEY_PARTS_MAX = 8
/** S3 takes 1,024 bytes with the target's prefix. */
const KEY_LENGTH_MAX = 480

export function isKey(text: string): boolean {
  if (text.length > KEY_LENGTH_MAX) return false
  const parts = text.split('/')
  return parts.length <= KEY_PARTS_MAX && parts.every(part => PART.test(part))
}

/** What a listing may be limited to: nothing, a key, or the beginning of one. */
export function isKeyPrefix(text: string): boolean {
  return text === '' || isKey(text.endsWith('/') ? text.slice(0, -1) : text)
}

/** The directory that holds every key which begins with `prefix`: `daily/ch` → `daily`, `daily/` → `daily`; `''` is the root. */
export function directoryOf(prefix: string): string {
  return prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')))
}

/** Throws `INVALID_ARGUMENT`. */
export function requireKey(key: string): void {
  if (!isKey(key)) throw notAKey(key)
}

/** Throws `INVALID_ARGUMENT`. */
export function requireKeyPrefix(prefix: string): void {
  if (!isKeyPrefix(prefix)) throw notAKey(prefix)
}

function notAKey(text: string): BackupError {
  return new BackupError('INVALID_ARGUMENT', `Not a name that targets take: ${JSON.stringify(text)}`, {
    hint: 'A name consists of parts of letters, digits, ".", "_" and "-", none beginning with ".", with "/" between them.',
  })
}
