/** SQLite's values as they are bound: the class of each is the class it is stored with. */

/** Text that cannot be a string here, because it is not valid UTF-8. */
export class RawText {
  readonly bytes: Uint8Array

  /** @param bytes in the encoding of the database */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** NULL, INTEGER, REAL (always, be it 1), TEXT, BLOB, and TEXT that must be made of its bytes. */
export type SqlValue = null | bigint | number | string | Uint8Array | RawText

const INTEGER_MIN = -(2n ** 63n)
const INTEGER_MAX = 2n ** 63n - 1n
/** Integers of so few characters are exact as numbers, which are faster to read. */
const SHORT = 15

/** The integer that `digits` say; null when SQLite has none that large. */
export function toInteger(digits: string): bigint | null {
  if (digits.length <= SHORT) return BigInt(Number(digits))
  const value = BigInt(digits)
  return value < INTEGER_MIN || value > INTEGER_MAX ? null : value
}

/** The bytes that base64 stands for; null when it is none. */
export function fromBase64(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, 'base64')
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  // What is not base64 is skipped without a word, and so missing.
  return text.length % 4 === 0 && bytes.length === (text.length / 4) * 3 - padding ? bytes : null
}

/** The bytes that hexadecimal digits stand for; null when they are none. */
export function fromHex(digits: string): Uint8Array | null {
  const bytes = Buffer.from(digits, 'hex')
  return bytes.length * 2 === digits.length ? bytes : null
}
