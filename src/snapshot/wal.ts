/** Reading a write-ahead log. Source: sqlite.org/fileformat2.html, section 4. */
import { endianness } from 'node:os'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { type OpenFile, readAvailable } from '../storage/transfer.ts'
import { isPageSize } from './database-header.ts'
import { PageTable } from './page-table.ts'
import { walChecksum, type WalSum } from './wal-checksum.ts'

const WAL_HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24

const MAGIC_LITTLE = 0x377f0682
const MAGIC_BIG = 0x377f0683
const VERSION = 3_007_000
/** Frames are read in runs of about this many bytes; larger ones gain nothing. */
const RUN_BYTES = 1 << 20

export interface WalHeader {
  readonly pageSize: number
  readonly salts: Buffer
  /** Whether checksums were made in this machine's byte order. */
  readonly isNative: boolean
  /** The header's own checksum, from which the frames' go on. */
  readonly sum: WalSum
}

/** What a WAL's first 32 bytes say; null when they are no WAL header or its checksum fails. */
export function parseWalHeader(bytes: Buffer): WalHeader | null {
  const header = parseOfAnyVersion(bytes)
  return header?.version === VERSION ? header : null
}

/**
 * Whether this is the whole header of a WAL in a version of the format that is not known here. SQLite does
 * not open such a database; read without its WAL it would be an older one.
 */
export function isOfUnknownVersion(bytes: Buffer): boolean {
  const header = parseOfAnyVersion(bytes)
  return header !== null && header.version !== VERSION
}

function parseOfAnyVersion(bytes: Buffer): (WalHeader & { readonly version: number }) | null {
  if (bytes.length < WAL_HEADER_BYTES) return null
  const magic = bytes.readUInt32BE(0)
  const pageSize = bytes.readUInt32BE(8)
  if ((magic !== MAGIC_LITTLE && magic !== MAGIC_BIG) || !isPageSize(pageSize)) return null
  const isNative = (magic === MAGIC_BIG) === (endianness() === 'BE')
  const sum = walChecksum(bytes.subarray(0, 24), { first: 0, second: 0 }, isNative)
  if (sum.first !== bytes.readUInt32BE(24) || sum.second !== bytes.readUInt32BE(28)) return null
  const salts = Buffer.from(bytes.subarray(16, 24))
  return { version: bytes.readUInt32BE(4), pageSize, salts, isNative, sum }
}

/** Where the page of `frame` (counted from 1) starts in the WAL. */
export function framePagePosition(frame: number, pageSize: number): number {
  return WAL_HEADER_BYTES + (frame - 1) * (FRAME_HEADER_BYTES + pageSize) + FRAME_HEADER_BYTES
}

/** What a scan of a WAL found: which frame is the newest of each page, as of the last commit in it. */
export interface WalContent {
  readonly table: PageTable
  /** The last commit frame; 0 when there is none. */
  readonly maxFrame: number
  /** Pages of the database as of that commit. */
  readonly pageCount: number
}

interface ScanOptions {
  readonly fd: number
  readonly path: string
  readonly header: WalHeader
  readonly signal: AbortSignal
}

/**
 * Reads the frames 1 to `maxFrame`, which a reader has pinned, checking each one's salts and checksum.
 * Throws `DATABASE_DAMAGED` at the first that fails: a silently wrong image is worse than none.
 */
export async function readPinnedFrames(maxFrame: number, options: ScanOptions): Promise<WalContent> {
  const table = new PageTable()
  let pageCount = 0
  let seen = 0
  for await (const frames of validFrames(maxFrame, options)) {
    for (const frame of frames) table.set(frame.page, frame.number)
    const last = frames.at(-1)
    pageCount = last?.pageCountAfterCommit ?? 0
    seen = last?.number ?? seen
  }
  if (seen === maxFrame && pageCount > 0) return { table, maxFrame, pageCount }
  throw new BackupError(
    'DATABASE_DAMAGED',
    `Backup integrity check failed: the write-ahead log is damaged at frame ${seen + 1} of ${maxFrame}: ${options.path}`,
    {
      hint: 'Check the disk. Restore the newest backup, or salvage the database with `sqlite3 … .recover`.',
      path: options.path,
    },
  )
}

/**
 * Reads a WAL that nobody has open, as SQLite's recovery does: frames count up to the last commit
 * before the first frame that fails its check.
 */
export async function readUnpinnedFrames(options: ScanOptions): Promise<WalContent> {
  let last = { maxFrame: 0, pageCount: 0 }
  for await (const frames of validFrames(Number.POSITIVE_INFINITY, options)) {
    const commit = frames.findLast(frame => frame.pageCountAfterCommit > 0)
    if (commit !== undefined) last = { maxFrame: commit.number, pageCount: commit.pageCountAfterCommit }
  }
  if (last.maxFrame === 0) return { table: new PageTable(), ...last }
  return readPinnedFrames(last.maxFrame, options)
}

interface Frame {
  readonly number: number
  readonly page: number
  /** Zero for a frame that does not end a commit. */
  readonly pageCountAfterCommit: number
}

/** The frames up to `limit` that pass their check, up to the first that does not; a run of them at a time. */
async function* validFrames(
  limit: number,
  { fd, path, header, signal }: ScanOptions,
): AsyncGenerator<Frame[]> {
  const frameBytes = FRAME_HEADER_BYTES + header.pageSize
  const perRun = Math.max(1, Math.floor(RUN_BYTES / frameBytes))
  const run = Buffer.alloc(perRun * frameBytes)
  let sum = header.sum
  for (let start = 1; start <= limit; start += perRun) {
    const wanted = Math.min(perRun, limit - start + 1) * frameBytes
    const got = readAvailable(
      { fd, path },
      run.subarray(0, wanted),
      WAL_HEADER_BYTES + (start - 1) * frameBytes,
    )
    const frames: Frame[] = []
    let isWhole = got === wanted
    for (let at = 0; at + frameBytes <= got; at += frameBytes) {
      const bytes = run.subarray(at, at + frameBytes)
      const page = bytes.readUInt32BE(0)
      sum = walChecksum(bytes.subarray(0, 8), sum, header.isNative)
      sum = walChecksum(bytes.subarray(FRAME_HEADER_BYTES), sum, header.isNative)
      const isValid =
        page > 0 &&
        bytes.subarray(8, 16).equals(header.salts) &&
        sum.first === bytes.readUInt32BE(16) &&
        sum.second === bytes.readUInt32BE(20)
      if (!isValid) {
        isWhole = false
        break
      }
      frames.push({ number: start + at / frameBytes, page, pageCountAfterCommit: bytes.readUInt32BE(4) })
    }
    yield frames
    if (!isWhole) return
    await yieldToEvents()
    throwIfCancelled(signal)
  }
}

/** The header of an open WAL; null when it is empty or not valid. */
export function readWalHeader(file: OpenFile): WalHeader | null {
  return parseWalHeader(readWalStart(file))
}

/** As many of an open WAL's first 32 bytes as there are. */
export function readWalStart(file: OpenFile): Buffer {
  const bytes = Buffer.alloc(WAL_HEADER_BYTES)
  return bytes.subarray(0, readAvailable(file, bytes, 0))
}
