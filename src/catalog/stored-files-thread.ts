/** The thread that `stored-files.ts` starts: reads the files of many backups and ends. Here nobody else waits for a call. */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { StoredFiles, StoredPaths } from './stored-files.ts'

/** What the host parses in a millisecond or two. */
const BATCH = 100
/** A line a table: what is larger is not as usual. */
const buffer = Buffer.allocUnsafe(64 << 10)

const paths = workerData as readonly StoredPaths[]
for (let from = 0; from < paths.length; from += BATCH)
  parentPort?.postMessage(paths.slice(from, from + BATCH).map(readOne))

/** The stored file first, as a deletion takes away the metadata first. */
function readOne({ image, metadata }: StoredPaths): StoredFiles | null {
  try {
    const stats = statSync(image, { throwIfNoEntry: false })
    const text = stats?.isFile() === true ? readText(metadata) : null
    return stats === undefined || text === null ? null : { size: stats.size, modified: stats.mtime, text }
  } catch {
    return null
  }
}

function readText(path: string): string | null {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats?.isFile() !== true || stats.size > buffer.length) return null
  const fd = openSync(path, 'r')
  try {
    return readSync(fd, buffer, 0, buffer.length, 0) === stats.size
      ? buffer.toString('utf8', 0, stats.size)
      : null
  } finally {
    closeSync(fd)
  }
}
