/** Reading the files of many backups, in a thread: asked of the pool one call after another, they take five times as long. */
import { on } from 'node:events'
import { extname } from 'node:path'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

/** Where a backup's two files lie. */
export interface StoredPaths {
  readonly image: string
  readonly metadata: string
}

/** What the thread found of one backup. */
export interface StoredFiles {
  /** Bytes of the stored file, and when it was last modified. */
  readonly size: number
  readonly modified: Date
  /** Of its metadata file. */
  readonly text: string
}

/** For each of the paths of a batch; null where anything is not as usual, so that it has to be looked at by itself. */
export type StoredBatch = readonly (StoredFiles | null)[]

/**
 * Reads them in the order of the paths, in batches between which other events have their turn. A disk that hangs keeps the
 * thread and whoever waits for it, nobody else.
 */
export async function* readStoredFiles(paths: readonly StoredPaths[]): AsyncGenerator<StoredBatch> {
  const thread = new URL(`./stored-files-thread${extname(import.meta.url)}`, import.meta.url)
  const worker = new Worker(thread, { workerData: paths })
  worker.on('error', () => {}) // Told below, as long as somebody listens there.
  let left = paths.length
  try {
    for await (const [batch] of on(worker, 'message', { close: ['exit'] })) {
      left -= (batch as StoredBatch).length
      yield batch as StoredBatch
      await yieldToEvents()
    }
  } finally {
    // Not awaited: on a dead disk it would never end.
    void worker.terminate()
  }
  if (left > 0) throw new Error('The reading thread ended without an answer')
}
