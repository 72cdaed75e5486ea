/** Text of a database whose encoding it is not valid in. */
interface InvalidText {
  readonly invalidText: Uint8Array
}

/** A value other than NULL with its storage class: bigint INTEGER, number REAL, string TEXT, bytes BLOB. */
export type StoredValue = bigint | number | string | Uint8Array | InvalidText

/**
 * A value in JSON, as exports write it where a column's values are of several storage classes: an integer beyond
 * ±(2^53-1) is {"$integer":"…"}, a REAL always has "." or "e", an infinite one is {"$real":"…"}, a BLOB is
 * {"$blob":"<base64>"}, text that is not valid {"$text":"<base64>"}.
 */
export function mixedValue(value: StoredValue): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return mixedInteger(value)
  if (typeof value === 'number') return mixedReal(value)
  if (value instanceof Uint8Array) return JSON.stringify({ $blob: base64(value) })
  return JSON.stringify({ $text: base64(value.invalidText) })
}

function mixedInteger(value: bigint): string {
  const isSafe = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
  return isSafe ? String(value) : JSON.stringify({ $integer: String(value) })
}

function mixedReal(value: number): string {
  if (!Number.isFinite(value)) return JSON.stringify({ $real: String(value) })
  if (Object.is(value, -0)) return '-0.0'
  const digits = String(value)
  return /[.e]/.test(digits) ? digits : `${digits}.0`
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
