/** The thread that `stored-files.ts` starts: reads the files of many backups, as it is asked. Here nobody else waits for a call. */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { StoredFiles, StoredNames } from './stored-files.ts'

/** A line a table: what is larger is not as usual. */
const buffer = Buffer.allocUnsafe(64 << 10)

const metadataPrefix = workerData as string

parentPort?.on('message', ({ prefix, filenames }: StoredNames) => {
  const files = filenames.map(name => readOne(prefix + name, `${metadataPrefix}${name}.json`))
  parentPort?.postMessage(files)
})

/** The stored file first, as a deletion takes away the metadata first. */
function readOne(image: string, metadata: string): StoredFiles | null {
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
