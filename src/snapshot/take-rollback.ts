/**
 * Taking an image in rollback mode, where a reader makes writers wait: the file is copied first without
 * a lock, then compared under a read lock and corrected where it changed. Writers wait for the second
 * pass only; where the file system can share blocks, for an instant.
 */
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { throwIfCancelled } from '../errors.ts'
import type { ReadFacts } from '../sqlite/requests.ts'
import { readAvailable, writeFully } from '../storage/transfer.ts'
import { cloneWhole, copyWhole } from './copy-file.ts'
import { hashFile } from './hash.ts'
import { type Image, imageSize, readImageRun, RUN_BYTES } from './image.ts'
import { PinnedFiles } from './open-image.ts'
import { changing, RawFile } from './source-files.ts'
import type { TakenImage, TakeOptions } from './taken-image.ts'
import { endRead } from './take-wal.ts'
import { WritableFile } from './writable-file.ts'

/** Both files are read once more at memory speed; so often is another task let in between. */
const YIELD_EVERY_RUNS = 64

export async function takeFromRollbackMode(database: string, options: TakeOptions): Promise<TakenImage> {
  const { sqlite, signal, waitMs, file, onSize, onBytes } = options
  await onSize(sizeOf(database))
  const isCloneable = await cloneWhole(database, `${file}.probe`)
  if (!isCloneable) await copyWhole(database, file, signal)

  const facts = await sqlite.ask('beginRead', { path: database, waitMs }, { signal })
  let image: Image
  try {
    if (facts.journalMode === 'wal') throw changing(database)
    // What could be shared a moment ago cannot always be shared now: then all of it is written below.
    const isExact = isCloneable && (await cloneWhole(database, file))
    image = await correctCopy(database, facts, isExact, options)
  } finally {
    await endRead(options)
  }
  options.onCopied?.(file)
  using copy = new RawFile(file)
  const sizeBytes = imageSize(image)
  return {
    file,
    isCopied: true,
    sizeBytes,
    checksum: await hashFile(copy.fd, sizeBytes, file, { signal, onBytes: done => onBytes(done, sizeBytes) }),
    way: 'rollback',
    pageSize: image.pageSize,
    journalMode: facts.journalMode,
    userVersion: facts.userVersion,
    sqliteVersion: facts.sqliteVersion,
  }
}

/** The second pass: under the read lock, makes the copy equal to the database, which now holds still. */
async function correctCopy(
  database: string,
  facts: ReadFacts,
  isExact: boolean,
  { file, signal }: TakeOptions,
): Promise<Image> {
  using files = new PinnedFiles(database, facts, null)
  using copy = new WritableFile(file)
  if (!isExact) await overwriteDifferences(files.bare, copy, signal)
  copy.setSize(imageSize(files.bare))
  return files.bare
}

async function overwriteDifferences(image: Image, copy: WritableFile, signal: AbortSignal): Promise<void> {
  const sizeBytes = imageSize(image)
  const now = Buffer.alloc(RUN_BYTES)
  const before = Buffer.alloc(RUN_BYTES)
  for (let position = 0, runs = 1; position < sizeBytes; position += RUN_BYTES, runs++) {
    const run = now.subarray(0, Math.min(RUN_BYTES, sizeBytes - position))
    readImageRun(image, run, position)
    const copied = before.subarray(0, readAvailable(copy, before.subarray(0, run.length), position))
    if (!run.equals(copied)) writeFully(copy, run, position)
    if (runs % YIELD_EVERY_RUNS === 0) {
      await yieldToEvents()
      throwIfCancelled(signal)
    }
  }
}

function sizeOf(database: string): number {
  using main = new RawFile(database)
  return main.size
}
