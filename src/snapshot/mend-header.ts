/**
 * Mending the header of a copy of a database that SQLite does not take for one. Everything in it but the page size
 * has few sensible values. Source: sqlite.org/fileformat2.html, section 1.3.
 */
import { readAvailable, writeFully } from '../storage/transfer.ts'
import { HEADER_BYTES, parseDatabaseHeader } from './database-header.ts'
import { RawFile } from './source-files.ts'
import { WritableFile } from './writable-file.ts'

/** Kinds of b-tree pages: two of indexes, two of tables. */
const PAGE_KINDS: ReadonlySet<number> = new Set([2, 5, 10, 13])
/** So many pages tell the page size. */
const PAGES_LOOKED_AT = 64
const SIZES: readonly number[] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]

/** How many bytes at the end of each page are not SQLite's: as the header says, or none, as in most databases. */
export type Reserved = 'as-said' | 'none'

/** Gives the copy at `path` a header that SQLite accepts. False where nothing in the file looks like a database's pages. */
export function mendHeader(path: string, reserved: Reserved): boolean {
  const header = Buffer.alloc(HEADER_BYTES)
  using file = new RawFile(path)
  readAvailable(file, header, 0)
  const pageSize = parseDatabaseHeader(header)?.pageSize ?? guessPageSize(file)
  if (pageSize === null) return false
  using copy = new WritableFile(path)
  writeFully(copy, mended(header, pageSize, reserved), 0)
  return true
}

/** What the header is when its nonsense is replaced by what SQLite writes by itself. Pure. */
function mended(header: Buffer, pageSize: number, reserved: Reserved): Buffer {
  const bytes = Buffer.from(header)
  bytes.write('SQLite format 3\0', 0, 'latin1')
  bytes.writeUInt16BE(pageSize === 65_536 ? 1 : pageSize, 16)
  for (const offset of [18, 19]) if (bytes[offset] !== 2) bytes[offset] = 1
  // SQLite wants 480 bytes of each page.
  if (reserved === 'none' || pageSize - bytes.readUInt8(20) < 480) bytes[20] = 0
  bytes.set([64, 32, 32], 21)
  // The number of pages that goes unless these two agree is that of the file.
  bytes.writeUInt32BE((bytes.readUInt32BE(24) + 1) >>> 0, 92)
  const schemaFormat = bytes.readUInt32BE(44)
  if (schemaFormat < 1 || schemaFormat > 4) bytes.writeUInt32BE(4, 44)
  const encoding = bytes.readUInt32BE(56)
  if (encoding < 1 || encoding > 3) bytes.writeUInt32BE(1, 56)
  return bytes
}

/** The smallest size at which nearly as many pages as at any begin as b-trees do: a larger one has its places among those. */
function guessPageSize(file: RawFile): number | null {
  const shares = SIZES.map(size => ({ size, share: shareOfTrees(file, size) })).filter(
    ({ share }) => share > 0,
  )
  const most = Math.max(...shares.map(({ share }) => share))
  return shares.find(({ share }) => share >= most * NEARLY)?.size ?? null
}

/** At half the true size every second place is within a page, where a byte is seldom right. */
const NEARLY = 0.75

function shareOfTrees(file: RawFile, pageSize: number): number {
  const pages = Math.min(Math.floor(file.size / pageSize) - 1, PAGES_LOOKED_AT)
  const first = Buffer.alloc(1)
  let trees = 0
  for (let page = 1; page <= pages; page++) {
    readAvailable(file, first, page * pageSize)
    if (PAGE_KINDS.has(first.readUInt8(0))) trees++
  }
  return pages < 1 ? 0 : trees / pages
}
