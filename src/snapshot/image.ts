import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { type OpenFile, readAvailable, writeFully } from '../storage/transfer.ts'
import type { PageTable } from './page-table.ts'
import { framePagePosition } from './wal.ts'

/** Bytes read, hashed or written at a time: large enough that calls cost nothing, small enough for memory. */
export const RUN_BYTES: number = 1 << 20

/** One database as of one commit, readable as long as its snapshot is open. */
export interface Image {
  readonly path: string
  readonly mainFd: number
  readonly pageSize: number
  readonly pageCount: number
  /** The pages that are newer in the WAL than in the main file; null when the main file has everything. */
  readonly wal: { readonly fd: number; readonly table: PageTable } | null
}

export function imageSize(image: Image): number {
  return image.pageSize * image.pageCount
}

/** Fills `run`, whose length is whole pages, with the image from `position`, a multiple of the page size. */
export function readImageRun(image: Image, run: Uint8Array, position: number): void {
  const { pageSize, wal } = image
  const first = position / pageSize + 1
  const last = first + run.length / pageSize - 1
  if (wal === null || !wal.table.mayHaveAny(first, last)) {
    readFully(mainFileOf(image), run, position)
    return
  }
  // A page that neither file has is one of zeros, as SQLite reads it; not what the run held before.
  run.fill(0, readAvailable(mainFileOf(image), run, position))
  for (let page = first; page <= last; page++) {
    const frame = wal.table.get(page)
    if (frame === 0) continue
    const at = (page - first) * pageSize
    readFully(
      walFileOf(image.path, wal.fd),
      run.subarray(at, at + pageSize),
      framePagePosition(frame, pageSize),
    )
  }
}

/**
 * Writes the WAL's pages to their places in `copy`, which holds the main file's. Pages that follow each other
 * go in one write.
 */
export async function layWalOver(image: Image, copy: OpenFile, signal: AbortSignal): Promise<void> {
  const { pageSize, wal } = image
  if (wal === null) return
  const run = new Uint8Array(Math.max(RUN_BYTES, pageSize))
  let start = 0
  let filled = 0
  let written = 0
  const flush = (): void => {
    if (filled > 0) writeFully(copy, run.subarray(0, filled), (start - 1) * pageSize)
    filled = 0
  }
  for (const page of wal.table.pages()) {
    if (page > image.pageCount) break
    if (page !== start + filled / pageSize || filled === run.length) {
      flush()
      start = page
    }
    const into = run.subarray(filled, filled + pageSize)
    readFully(walFileOf(image.path, wal.fd), into, framePagePosition(wal.table.get(page), pageSize))
    filled += pageSize
    written += 1
    if (written % 4096 === 0) {
      await yieldToEvents()
      throwIfCancelled(signal)
    }
  }
  flush()
}

function mainFileOf({ mainFd, path }: Image): OpenFile {
  return { fd: mainFd, path }
}

function walFileOf(database: string, fd: number): OpenFile {
  return { fd, path: `${database}-wal` }
}

/** Reads until `into` is full; a file that ends before that is a typed error, never a shortened image. */
function readFully(file: OpenFile, into: Uint8Array, position: number): void {
  const { path } = file
  const got = readAvailable(file, into, position)
  if (got === into.length) return
  throw new BackupError(
    'DATABASE_DAMAGED',
    `Backup integrity check failed: the file ends at byte ${position + got}, in the middle of the database: ${path}`,
    {
      hint: 'It was cut short. Restore the newest backup, or salvage the file with `sqlite3 … .recover`.',
      path,
    },
  )
}
