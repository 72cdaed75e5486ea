import { constants, type FileHandle, open } from 'node:fs/promises'
import type { Durability } from './durable.ts'
import { FlushAhead } from './flush-ahead.ts'
import { during } from './io-errors.ts'

/** Of a file that is flushed as a whole only by its reader, if at all. */
const UNFLUSHED: Durability = { isDurable: false }

/**
 * Writes a new file of our own, piece by piece, for its owner only. Refuses to follow a link or to touch what is there.
 * What `bytes` throws goes to the caller as it is.
 *
 * @param durability of a file that is to be flushed by the caller: the disk begins with it at once
 */
export async function writeBytes(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  durability: Durability = UNFLUSHED,
): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const handle = await during('write', path, () => open(path, flags, 0o600))
  const ahead = new FlushAhead(path, durability)
  try {
    let position = 0
    for await (const piece of bytes) {
      await during('write', path, () => writeAll(handle, piece))
      position += piece.length
      ahead.reached(position)
    }
    await ahead.settled()
  } catch (error) {
    await ahead.settled().catch(() => {})
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
