/** The keyed digest that all replacements are drawn from: who has no key learns nothing, equal values stay equal. */
import { createHmac } from 'node:crypto'

/** What SQLite gives a function: integers as bigint, reals as number. */
export type SqliteValue = null | bigint | number | string | Uint8Array

/**
 * HMAC-SHA256 of a value and its storage class, so that 5 and '5' differ.
 *
 * @param purpose keeps digests apart that must not be compared, such as those of hashes and of seeds.
 */
export function digestOf(value: Exclude<SqliteValue, null>, key: Uint8Array, purpose: string): Buffer {
  const mac = createHmac('sha256', key)
  if (typeof value === 'string') mac.update(`${purpose}:text:`).update(value, 'utf8')
  else if (typeof value === 'bigint') mac.update(`${purpose}:integer:${value}`)
  else if (typeof value === 'number') mac.update(`${purpose}:real:${value}`)
  else mac.update(`${purpose}:blob:`).update(value)
  return mac.digest()
}

/** A positive integer below 2^53, so that JSON and JavaScript carry it. */
export function positiveInteger(digest: Buffer): bigint {
  return digest.readBigUInt64BE(0) >> 11n || 1n
}

/**
 * A real that is no whole number, because a column of NUMERIC or INTEGER affinity makes those integers.
 * Below 2^51 a double still has halves.
 */
export function fractionalReal(digest: Buffer): number {
  return Number(digest.readBigUInt64BE(0) >> 13n) + 0.5
}

/** 128 bits in hex that begin with a letter: a column of numeric affinity would make a number of `12e5`. */
export function hexName(digest: Buffer): string {
  const hex = digest.toString('hex', 0, 16)
  return letter(hex) + hex.slice(1)
}

/** 52 bits: enough to keep millions of values apart. */
export function shortHex(digest: Buffer): string {
  return digest.toString('hex', 16, 23).slice(0, 13)
}

function letter(hex: string): string {
  return 'abcdef'[Number.parseInt(hex[0] ?? '0', 16) % 6] ?? 'a'
}
