import { closeSync, constants, fstatSync, ftruncateSync, openSync, writevSync } from 'node:fs'
import { removeFile } from './durable.ts'
import { during, isSystemError } from './io-errors.ts'

/** A link, or a pipe, that somebody has put there is not opened, nor waited for. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
const NONE_OF_OURS: ReadonlySet<string> = new Set(['ELOOP', 'ENXIO'])

/**
 * Writes a file, for its owner only, over what it was before: one call for a directory, a new file and a rename. Only for what can be lost and says by a checksum of its own whether it is whole: killed half-way, or on a
 * full disk, it is not. Nor is it flushed.
 */
export async function writeInPlace(path: string, parts: readonly Uint8Array[]): Promise<void> {
  await during('write', path, async () => {
    if (hasWritten(path, parts)) return
    await removeFile(path)
    hasWritten(path, parts)
  })
}

/** False for what has other names, too: who may make names here could give it one of a file that he may not write. */
function hasWritten(path: string, parts: readonly Uint8Array[]): boolean {
  const fd = openOurs(path)
  if (fd === null) return false
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile() || stats.nlink > 1) return false
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    writevSync(fd, [...parts], 0)
    if (stats.size > length) ftruncateSync(fd, length)
    return true
  } finally {
    closeSync(fd)
  }
}

function openOurs(path: string): number | null {
  try {
    return openSync(path, FLAGS, 0o600)
  } catch (error) {
    if (isSystemError(error) && NONE_OF_OURS.has(error.code)) return null
    throw error
  }
}
