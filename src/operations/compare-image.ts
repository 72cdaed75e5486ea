/** Comparing what was restored with the backup's image. */
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { throwIfCancelled } from '../errors.ts'
import { type Image, imageSize, readImageRun, RUN_BYTES } from '../snapshot/image.ts'
import { RawFile, readDatabaseHeader } from '../snapshot/source-files.ts'
import { readAvailable } from '../storage/transfer.ts'

export interface CompareOptions {
  readonly signal: AbortSignal
  readonly onBytes: (doneBytes: number, totalBytes: number) => void
}

/**
 * Bytes of page 1 that SQLite itself sets when an image is written through it: the journal mode (18–19),
 * the change counter (24–27), the number of pages (28–31), which is compared by itself and which not every
 * backup has there, the schema cookie (40–43), and which version wrote it for which change (92–99). Source:
 * sqlite.org/fileformat2.html, section 1.3.
 */
const OWN_BYTES: readonly (readonly [from: number, to: number])[] = [
  [18, 20],
  [24, 32],
  [40, 44],
  [92, 100],
]

/** SQLite locks this byte; the page that holds it is never written. */
const LOCK_BYTE = 0x40000000
const YIELD_EVERY_RUNS = 32

/** Whether `image` has the pages of the image in `file`, apart from what SQLite sets itself. */
export async function compareImage(
  image: Image,
  file: string,
  { signal, onBytes }: CompareOptions,
): Promise<boolean> {
  using stored = new RawFile(file)
  const header = readDatabaseHeader(stored)
  // An empty image restored through SQLite is a database of one page without a schema.
  if (header === null) return image.pageCount <= 1
  // A file that a program has made room in is longer than the database in it.
  const pageCount = header.pageCount ?? Math.floor(stored.size / header.pageSize)
  if (header.pageSize !== image.pageSize || pageCount !== image.pageCount) return false
  const size = imageSize(image)
  const expected = Buffer.alloc(Math.min(RUN_BYTES, size))
  const found = Buffer.alloc(expected.length)
  for (let position = 0, runs = 1; position < size; position += expected.length, runs++) {
    const length = Math.min(expected.length, size - position)
    const [a, b] = [expected.subarray(0, length), found.subarray(0, length)]
    readAvailable(stored, a, position)
    readImageRun(image, b, position)
    if (!a.equals(b)) {
      excuse(a, b, position, image.pageSize)
      if (!a.equals(b)) return false
    }
    if (runs % YIELD_EVERY_RUNS === 0) {
      onBytes(position + length, size)
      await yieldToEvents()
      throwIfCancelled(signal)
    }
  }
  return true
}

/** Makes the bytes of two runs equal that may differ. */
function excuse(stored: Buffer, restored: Buffer, position: number, pageSize: number): void {
  if (position === 0) {
    for (const [from, to] of OWN_BYTES) restored.copy(stored, from, from, to)
  }
  const lockAt = Math.floor(LOCK_BYTE / pageSize) * pageSize - position
  if (lockAt >= 0 && lockAt < stored.length) restored.copy(stored, lockAt, lockAt, lockAt + pageSize)
}
