/**
 * Taking an image in WAL mode: under a read transaction, which pins the WAL up to its last commit. For
 * every page the newest frame up to there wins, otherwise the main file; a checkpoint cannot
 * overwrite what the reader pinned (sqlite.org/walformat.html).
 */
import type { ReadFacts } from '../sqlite/requests.ts'
import { sqliteProcessFailed } from '../sqlite/process-failed.ts'
import { copyWhole } from './copy-file.ts'
import { hashImage } from './hash.ts'
import { type Image, imageSize, layWalOver } from './image.ts'
import { PinnedFiles, walIndexOf } from './open-image.ts'
import { changing } from './source-files.ts'
import type { TakenImage, TakeOptions } from './taken-image.ts'
import { takeFromQuiescentFiles } from './take-quiescent.ts'
import type { WalIndexHeader } from './wal-index.ts'
import { WritableFile } from './writable-file.ts'

export async function takeFromWalMode(database: string, options: TakeOptions): Promise<TakenImage> {
  const { sqlite, signal, waitMs } = options
  const facts = await sqlite.ask('beginRead', { path: database, waitMs }, { signal })
  try {
    if (facts.journalMode !== 'wal') throw changing(database)
    const index = walIndexOf(facts)
    // Without a WAL index in a file that counts, as with a directory that cannot be written, only the files are left.
    if (index === null) return await takeFromQuiescentFiles(database, options)
    return await takePinned(database, facts, index, options)
  } finally {
    await endRead(options)
  }
}

/**
 * Ends the read transaction. Throws `ENGINE_FAILED` when its process has ended before: nothing held the
 * database still then. After a cancellation, which kills that process, this is as it should be.
 */
export async function endRead({ sqlite, signal }: Pick<TakeOptions, 'sqlite' | 'signal'>): Promise<void> {
  if (sqlite.isRunning) await sqlite.ask('endRead', {})
  else if (!signal.aborted) throw sqliteProcessFailed('ended in the middle')
}

async function takePinned(
  database: string,
  facts: ReadFacts,
  index: WalIndexHeader,
  options: TakeOptions,
): Promise<TakenImage> {
  const { signal, file, onSize, onBytes, readPinned } = options
  using files = new PinnedFiles(database, facts, index)
  const sizeBytes = imageSize(files.bare)
  const isCopied = readPinned === undefined
  if (isCopied) await onSize(sizeBytes)

  const copied = isCopied ? copyWhole(database, file, signal) : null
  copied?.catch(() => {}) // Awaited below; until then a failure must not count as unhandled.
  const image = await files.loadImage(signal)
  const hashed = hashImage(image, { signal, onBytes: done => onBytes(done, sizeBytes) })
  hashed.catch(() => {})
  try {
    if (isCopied) {
      await copied
      files.requireInPlace()
      await completeCopy(image, file, signal)
      options.onCopied?.(file)
    } else await readPinned(image)
  } finally {
    // The hash reads our descriptors: it must have stopped before they are closed.
    await hashed.catch(() => {})
  }
  onBytes(sizeBytes, sizeBytes)
  return {
    file,
    isCopied,
    sizeBytes,
    checksum: await hashed,
    way: 'wal',
    pageSize: image.pageSize,
    journalMode: facts.journalMode,
    userVersion: facts.userVersion,
    sqliteVersion: facts.sqliteVersion,
  }
}

/** Makes a copy of the main file equal to the image. */
async function completeCopy(image: Image, file: string, signal: AbortSignal): Promise<void> {
  using copy = new WritableFile(file)
  // Under the read transaction the main file may grow or shrink by a checkpoint; the image does not.
  copy.setSize(imageSize(image))
  await layWalOver(image, copy, signal)
}
