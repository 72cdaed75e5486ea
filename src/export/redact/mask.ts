/** Masked values: what they are can be told, which one it was cannot. */
import { digestOf, fractionalReal, positiveInteger, shortHex, type SqliteValue } from './digest.ts'

const STARS = '***'
/** Of a shorter text its first character says too much. */
const SHOWN_LENGTH_MIN = 5
const EMAIL = /^([^\s@]{1,64})@([^\s@]{1,190})\.([^\s@.]{2,24})$/u

/**
 * `a***@e***.com` of an e-mail address; of any other text of five characters and more its first one and `***`,
 * of a shorter one `***`. Integers of five digits and more keep their first digit and their length, others
 * become 0; reals likewise, with .5 behind. Blobs become the bytes of `***`. NULL stays NULL.
 */
export function maskValue(value: SqliteValue): SqliteValue {
  if (value === null) return null
  if (typeof value === 'string') return maskText(value, '')
  if (typeof value === 'bigint') return maskInteger(value)
  if (typeof value === 'number') return maskReal(value)
  return new TextEncoder().encode(STARS)
}

/**
 * The same for a column whose values must differ: a part of the value's hash stands behind the stars.
 * Numbers have no room for one and become hashes.
 */
export function maskUniqueValue(value: SqliteValue, key: Uint8Array): SqliteValue {
  if (value === null) return null
  const digest = digestOf(value, key, 'mask')
  if (typeof value === 'string') return maskText(value, shortHex(digest))
  if (typeof value === 'bigint') return positiveInteger(digest)
  if (typeof value === 'number') return fractionalReal(digest)
  return new TextEncoder().encode(STARS + shortHex(digest))
}

function maskText(text: string, suffix: string): string {
  const email = EMAIL.exec(text)
  if (email === null) return shown(text, SHOWN_LENGTH_MIN) + STARS + suffix
  const [, local = '', domain = '', top = ''] = email
  return `${shown(local, 2)}${STARS}${suffix}@${shown(domain, 2)}${STARS}.${top}`
}

function shown(text: string, lengthMin: number): string {
  // Whole characters, and no more of a long text than is needed.
  const characters = Array.from(text.slice(0, lengthMin * 2))
  const [first = ''] = characters
  // A digit in front of stars is no number, but a lone sign or blank could be part of the next field.
  return characters.length < lengthMin || !/[\p{L}\p{N}+]/u.test(first) ? '' : first
}

function maskInteger(value: bigint): bigint {
  const digits = String(value < 0n ? -value : value)
  if (digits.length < SHOWN_LENGTH_MIN) return 0n
  const first = BigInt(digits[0] ?? '0') * 10n ** BigInt(digits.length - 1)
  return value < 0n ? -first : first
}

function maskReal(value: number): number {
  const whole = Math.trunc(Math.abs(value))
  if (!Number.isSafeInteger(whole)) return 0.5
  return Math.sign(value) * (Number(maskInteger(BigInt(whole))) + 0.5) || 0.5
}
