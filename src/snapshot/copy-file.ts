import { chmod, constants, copyFile } from 'node:fs/promises'
import { cancelled } from '../errors.ts'
import { isSystemError, toTypedError } from '../storage/io-errors.ts'

/**
 * Copies a file inside the kernel, sharing its blocks where the file system can. The copy gets mode
 * 0600; it must lie in a directory of ours, because the kernel copy starts with the source's mode.
 *
 * Opens and closes the source, which drops SQLite's locks on it in this process: so never call it where
 * SQLite has the source open.
 */
export async function copyWhole(from: string, to: string, signal: AbortSignal): Promise<void> {
  try {
    // The call itself cannot be interrupted. A cancelled one goes on into a file that is unlinked already.
    await unlessAborted(copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE), signal)
    await chmod(to, 0o600)
  } catch (error) {
    throw toTypedError(error, 'copy to', to)
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

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw cancelled()
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
