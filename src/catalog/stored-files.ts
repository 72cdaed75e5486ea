/** Reading the files of many backups, in a thread: asked of the pool one call after another, they take five times as long. */
import { on } from 'node:events'
import { extname, sep } from 'node:path'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { StoredImage } from './deleting.ts'
import { metadataDirectory, typeDirectory } from './layout.ts'

/** What the thread is asked for: stored files in one directory. */
export interface StoredNames {
  /** With the separator behind it: joining paths properly takes as long as all else that is done for a backup. */
  readonly prefix: string
  readonly filenames: readonly string[]
}

/** What the thread found of one backup. */
export interface StoredFiles {
  /** Bytes of the stored file, and when it was last modified. */
  readonly size: number
  readonly modified: Date
  /** Of its metadata file. */
  readonly text: string
}

interface StoredNamesOfType extends StoredNames {
  readonly type: string
}

export interface StoredBatch extends StoredNamesOfType {
  /** Of each of the names; null where anything is not as usual, so that it has to be looked at by itself. */
  readonly files: readonly (StoredFiles | null)[]
}

/** What the host parses in a millisecond or two. */
const BATCH = 100
/** Read ahead of the host, so that neither waits for the other. More would pile up in memory, which stays taken. */
const AHEAD = 2

const THREAD = new URL(`./stored-files-thread${extname(import.meta.url)}`, import.meta.url)

/**
 * Reads them, one type after another, in batches between which other events have their turn. A disk that hangs keeps the
 * thread and whoever waits for it, nobody else. Where the system has no thread for it, nothing is as usual.
 *
 * @param images at least one
 */
export async function* readStoredFiles(
  backupDir: string,
  images: readonly StoredImage[],
  thread: URL = THREAD,
): AsyncGenerator<StoredBatch> {
  const batches = batchesOf(backupDir, images)
  const asked: StoredNamesOfType[] = []
  for await (const files of readInThread(batches, asked, { backupDir, thread })) {
    yield { ...(asked.shift() as StoredNamesOfType), files }
    await yieldToEvents()
  }
  for (const batch of [...asked, ...batches]) yield { ...batch, files: batch.filenames.map(() => null) }
}

/** What the thread found of each batch, which is in `asked` then; ends with the thread, be there more or not. */
async function* readInThread(
  batches: Generator<StoredNamesOfType, undefined>,
  asked: StoredNamesOfType[],
  { backupDir, thread }: { readonly backupDir: string; readonly thread: URL },
): AsyncGenerator<StoredBatch['files']> {
  const worker = startThread(backupDir, thread)
  if (worker === null) return
  const ask = (): void => {
    const { value } = batches.next()
    if (value === undefined) return
    const { prefix, filenames } = value
    worker.postMessage({ prefix, filenames } satisfies StoredNames)
    asked.push(value)
  }
  try {
    for (let ahead = 0; ahead < AHEAD; ahead++) ask()
    for await (const [files] of on(worker, 'message', { close: ['exit'] })) {
      ask()
      yield files as StoredBatch['files']
      if (asked.length === 0) return
    }
  } catch {
    // Why it has ended. What it has not read is looked at without it.
  } finally {
    // Not awaited: on a dead disk it would never end.
    void worker.terminate()
  }
}

function* batchesOf(
  backupDir: string,
  images: readonly StoredImage[],
): Generator<StoredNamesOfType, undefined> {
  for (const [type, ofType] of Map.groupBy(images, each => each.type)) {
    const prefix = typeDirectory(backupDir, type) + sep
    for (let from = 0; from < ofType.length; from += BATCH) {
      const filenames = ofType.slice(from, from + BATCH).map(({ filename }) => filename)
      yield { type, prefix, filenames }
    }
  }
}

function startThread(backupDir: string, thread: URL): Worker | null {
  try {
    const worker = new Worker(thread, { workerData: metadataDirectory(backupDir) + sep })
    worker.on('error', () => {}) // Told to whoever waits for an answer.
    return worker
  } catch {
    return null
  }
}
