import { hash } from 'node:crypto'

/**
 * Bytes of SHA-256 that name a page, or a run of pages. Whoever may write into a database might try to make two
 * pages of one name, so that one would be restored as the other: with 20 bytes that takes 2^80 tries.
 */
export const HASH_BYTES = 20

/** Gives bytes their name: {@link HASH_BYTES}. */
export type PageNaming = (bytes: Uint8Array) => Buffer

/** The name of some bytes in a store that is not encrypted: SHA-256, cut to {@link HASH_BYTES}. */
export function hashBytes(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer').subarray(0, HASH_BYTES)
}
