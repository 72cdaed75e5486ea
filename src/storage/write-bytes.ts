import { constants, type FileHandle, open } from 'node:fs/promises'
import { during } from './io-errors.ts'

/**
 * Writes a new file of our own, piece by piece, for its owner only; it is not flushed. Refuses to follow a link or to
 * touch what is there. What `bytes` throws goes to the caller as it is.
 */
export async function writeBytes(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const handle = await during('write', path, () => open(path, flags, 0o600))
  try {
    for await (const piece of bytes) await during('write', path, () => writeAll(handle, piece))
  } catch (error) {
    await handle.close().catch(() => {})
    throw error
  }
  // On some file systems it is only here that a write turns out to have failed.
  await during('close', path, () => handle.close())
}

/** A full disk shows first as a short write without an error. */
async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await handle.write(bytes, done, bytes.length - done, null)).bytesWritten
  }
}
