/**
 * The first 100 bytes of a SQLite database file. Source: sqlite.org/fileformat2.html, section 1.3.
 */
export const HEADER_BYTES = 100

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1')

/** Page 1 fields that SQLite itself advances when content is written through it. */
const CHANGE_COUNTER_OFFSET = 24

export interface DatabaseHeader {
  readonly pageSize: number
  /** Whether the file is in WAL mode: the version that readers go by says so. */
  readonly isWal: boolean
  /** The counter that SQLite advances at each commit in rollback mode. */
  readonly changeCounter: number
  /** Pages of the database as the header says, or null when SQLite would not trust it and goes by the file's size. */
  readonly pageCount: number | null
  /** `PRAGMA user_version` */
  readonly userVersion: number
}

/** What the header says; null when `bytes` is not the start of a SQLite database. */
export function parseDatabaseHeader(bytes: Buffer): DatabaseHeader | null {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null
  const stored = bytes.readUInt16BE(16)
  const pageSize = stored === 1 ? 65_536 : stored
  if (!isPageSize(pageSize)) return null
  const changeCounter = bytes.readUInt32BE(CHANGE_COUNTER_OFFSET)
  const pages = bytes.readUInt32BE(28)
  const isTrusted = pages > 0 && changeCounter === bytes.readUInt32BE(92)
  return {
    pageSize,
    isWal: bytes[19] === 2,
    changeCounter,
    pageCount: isTrusted ? pages : null,
    userVersion: bytes.readInt32BE(60),
  }
}

export function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0
}
