import { readSync, writeSync } from 'node:fs'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { BackupError, throwIfCancelled } from '../errors.ts'
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
    readFully(image.mainFd, run, position, image.path)
    return
  }
  readAvailable(image.mainFd, run, position)
  for (let page = first; page <= last; page++) {
    const frame = wal.table.get(page)
    if (frame === 0) continue
    const at = (page - first) * pageSize
    readFully(
      wal.fd,
      run.subarray(at, at + pageSize),
      framePagePosition(frame, pageSize),
      `${image.path}-wal`,
    )
  }
}

/**
 * Writes the WAL's pages to their places in `fd`, a copy of the main file. Pages that follow each other
 * go in one write.
 */
export async function layWalOver(image: Image, fd: number, signal: AbortSignal): Promise<void> {
  const { pageSize, wal } = image
  if (wal === null) return
  const run = new Uint8Array(Math.max(RUN_BYTES, pageSize))
  let start = 0
  let filled = 0
  let written = 0
  const flush = (): void => {
    if (filled > 0) writeFully(fd, run.subarray(0, filled), (start - 1) * pageSize)
    filled = 0
  }
  for (const page of wal.table.pages()) {
    if (page > image.pageCount) break
    if (page !== start + filled / pageSize || filled === run.length) {
      flush()
      start = page
    }
    const into = run.subarray(filled, filled + pageSize)
    readFully(wal.fd, into, framePagePosition(wal.table.get(page), pageSize), `${image.path}-wal`)
    filled += pageSize
    written += 1
    if (written % 4096 === 0) {
      await yieldToEvents()
      throwIfCancelled(signal)
    }
  }
  flush()
}

/** Reads until `into` is full; a file that ends before that is a typed error, never a shortened image. */
function readFully(fd: number, into: Uint8Array, position: number, path: string): void {
  const got = readAvailable(fd, into, position)
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

/** Reads until `into` is full or the file ends; returns the bytes read. */
export function readAvailable(fd: number, into: Uint8Array, position: number): number {
  let got = 0
  while (got < into.length) {
    const count = readSync(fd, into, got, into.length - got, position + got)
    if (count === 0) break
    got += count
  }
  return got
}

/** Writes all of `bytes`: a full disk shows first as a short write without an error. */
export function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
}
