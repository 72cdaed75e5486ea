/**
 * The header of the WAL index, the file `<database>-shm`: two copies of 48 bytes, then 40 bytes of
 * checkpoint information, all in the machine's byte order. Source: sqlite.org/walformat.html, section 2.1.
 */
import { walChecksum } from './wal-checksum.ts'

const WAL_INDEX_HEADER_BYTES = 136

const COPY_BYTES = 48
const VERSION = 3_007_000

export interface WalIndexHeader {
  /** Advances at every commit. */
  readonly changeCounter: number
  readonly pageSize: number
  /** The last frame of the last commit; 0 when the WAL holds none. */
  readonly maxFrame: number
  /** Pages of the database as of that commit; 0 with an empty WAL. */
  readonly pageCount: number
  /** The salts that every frame of this WAL carries, as its bytes stand in the file. */
  readonly salts: Buffer
  /** Frames up to this one are in the main file already. */
  readonly backfilled: number
}

/**
 * What the header says; null while a writer is changing it (the copies differ, or the checksum does)
 * and when it was never initialised.
 */
export function parseWalIndexHeader(bytes: Buffer): WalIndexHeader | null {
  if (bytes.length < WAL_INDEX_HEADER_BYTES) return null
  const copy = bytes.subarray(0, COPY_BYTES)
  if (!copy.equals(bytes.subarray(COPY_BYTES, 2 * COPY_BYTES))) return null
  // Typed arrays are in the machine's byte order, as the header is; they start at a multiple of their size.
  const { buffer } = new Uint8Array(bytes.subarray(0, WAL_INDEX_HEADER_BYTES))
  const u16 = (at: number): number => new Uint16Array(buffer)[at / 2] as number
  const u32 = (at: number): number => new Uint32Array(buffer)[at / 4] as number
  if (u32(0) !== VERSION || copy[12] !== 1) return null
  const sum = walChecksum(copy.subarray(0, 40), { first: 0, second: 0 }, true)
  if (sum.first !== u32(40) || sum.second !== u32(44)) return null
  const stored = u16(14)
  return {
    changeCounter: u32(8),
    pageSize: (stored & 0xfe00) | ((stored & 1) << 16),
    maxFrame: u32(16),
    pageCount: u32(20),
    salts: Buffer.from(copy.subarray(32, 40)),
    backfilled: u32(96),
  }
}
