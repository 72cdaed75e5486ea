import { chmod, constants, copyFile, type FileHandle, open } from 'node:fs/promises'
import { cancelled, throwIfCancelled } from '../errors.ts'
import { during, isSystemError, toTypedError } from '../storage/io-errors.ts'

/** While one buffer of this size is written the next is read; both stay in the processor's cache. */
const RUN_BYTES = 256 << 10

/**
 * Copies a file to where it ends, sharing its blocks where the file system can. The copy gets mode 0600; it
 * must lie in a directory of ours, because a clone starts with the source's mode.
 *
 * A source that others write may shrink meanwhile. The kernel's copy, as Node offers it, would then try for
 * ever to get the bytes that the file had at first; so it is read until it ends.
 *
 * Opens and closes the source, which drops SQLite's locks on it in this process: so never call it where
 * SQLite has the source open.
 */
export async function copyWhole(from: string, to: string, signal: AbortSignal): Promise<void> {
  if (await cloneWhole(from, to)) return
  throwIfCancelled(signal)
  try {
    // A call on a dead disk cannot be interrupted. A cancelled copy ends in a file that is unlinked already.
    await unlessAborted(copyBytes(from, to, signal), signal)
  } catch (error) {
    throw toTypedError(error, 'copy to', to)
  }
}

async function copyBytes(from: string, to: string, signal: AbortSignal): Promise<void> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK
  await using source = await during('read', from, () => open(from, flags))
  await using copy = await open(to, 'wx', 0o600)
  let [next, other] = [Buffer.allocUnsafe(RUN_BYTES), Buffer.allocUnsafe(RUN_BYTES)]
  let written = Promise.resolve()
  try {
    for (let position = 0; !signal.aborted;) {
      const into = next
      const { bytesRead } = await during('read', from, () => source.read(into, 0, RUN_BYTES, position))
      await written
      if (bytesRead === 0) return
      written = writeAll(copy, next.subarray(0, bytesRead), position)
      written.catch(() => {}) // Awaited in the next round, or below.
      position += bytesRead
      ;[next, other] = [other, next]
    }
  } finally {
    await written
  }
}

/** A full disk shows first as a short write without an error. */
async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** Shares the source's blocks with a new file, in no time; false where the file system cannot. */
export async function cloneWhole(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
    await chmod(to, 0o600)
    return true
  } catch (error) {
    if (isSystemError(error) && CANNOT_CLONE.has(error.code)) return false
    throw toTypedError(error, 'copy to', to)
  }
}

const CANNOT_CLONE: ReadonlySet<string> = new Set([
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EXDEV',
  'EINVAL',
  'ENOTTY',
])

/** Stops waiting for work that has just begun once the signal, not aborted yet, is. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(cancelled())
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', abort)
    // After an abort nobody waits for the copy any more; its end, good or bad, is of no interest.
    work.catch(() => {})
  }
}
