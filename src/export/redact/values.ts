/**
 * What stands in place of a redacted value. All functions are pure and deterministic; NULL stays NULL and every
 * other value keeps its storage class, so that NOT NULL, STRICT and typeof() checks hold.
 */
import { digestOf, fractionalReal, hexName, positiveInteger, type SqliteValue } from './digest.ts'

export { maskUniqueValue, maskValue } from './mask.ts'
export type { SqliteValue } from './digest.ts'

/**
 * HMAC-SHA256 under `key`: equal values stay equal within an export and, with the same key, between exports.
 * Text becomes 32 hex digits that begin with a letter, a blob 16 bytes, an integer a positive one below 2^53,
 * a real one below 2^51 that ends in .5.
 */
export function hashValue(value: SqliteValue, key: Uint8Array): SqliteValue {
  if (value === null) return null
  const digest = digestOf(value, key, 'hash')
  if (typeof value === 'string') return hexName(digest)
  if (typeof value === 'bigint') return positiveInteger(digest)
  if (typeof value === 'number') return fractionalReal(digest)
  return new Uint8Array(digest.subarray(0, 16))
}

/**
 * A hash in the shape of the value: letters stay letters, digits digits, everything else and the length stay.
 * For columns with a CHECK on length or form; tells more than {@link hashValue}. At most the first 4,096
 * characters are drawn, whatever follows repeats them.
 */
export function hashShapedValue(value: SqliteValue, key: Uint8Array): SqliteValue {
  if (typeof value !== 'string') return hashValue(value, key)
  const seed = digestOf(value, key, 'shape')
  const drawn: number[] = []
  for (let block = 0; drawn.length < Math.min(value.length, 4096); block++)
    drawn.push(...digestOf(BigInt(block), seed, 'block'))
  let index = 0
  const next = (count: number): number => (drawn[index++ % drawn.length] ?? 0) % count
  return value.replaceAll(/[a-z]|[A-Z]|\d|[^\P{L}a-zA-Z]/gu, character => {
    if (/\d/.test(character)) return String(next(10))
    const letter = String.fromCharCode(97 + next(26))
    return /\p{Lu}/u.test(character) ? letter.toUpperCase() : letter
  })
}

/** The same for all values of a storage class. */
export function fixedValue(value: SqliteValue): SqliteValue {
  if (value === null) return null
  if (typeof value === 'string') return 'redacted'
  if (typeof value === 'bigint') return 0n
  return typeof value === 'number' ? 0.5 : new TextEncoder().encode('redacted')
}
