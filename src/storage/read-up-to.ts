import type { FileHandle } from 'node:fs/promises'

/** So many bytes from a position on, or as many as there are up to the file's end: one read may give fewer than that. */
export async function readUpTo(handle: FileHandle, sizeBytes: number, position: number): Promise<Buffer> {
  const bytes = Buffer.alloc(sizeBytes)
  let done = 0
  while (done < sizeBytes) {
    const { bytesRead } = await handle.read(bytes, done, sizeBytes - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}
