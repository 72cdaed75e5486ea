import { open } from 'node:fs/promises'
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Bytes } from '../encoding/bytes.ts'
import { throwIfCancelled } from '../errors.ts'
import { during } from '../storage/io-errors.ts'
import type { Context } from './context.ts'

const PIECE_BYTES = 1 << 20

/**
 * The bytes of a stored backup, from wherever it is stored. A piece is written over when the next one is asked for.
 *
 * @param onBytes called with the bytes that have been read so far
 */
export async function* readStored(
  { path }: Pick<BackupInfo, 'path'>,
  { signal }: Pick<Context, 'signal'>,
  onBytes: (doneBytes: number) => void = () => {},
): Bytes {
  await using handle = await during('open', path, () => open(path, 'r'))
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
  for (let doneBytes = 0; ;) {
    throwIfCancelled(signal)
    const { bytesRead } = await during('read', path, () => handle.read(piece, 0, PIECE_BYTES, null))
    if (bytesRead === 0) return
    yield piece.subarray(0, bytesRead)
    doneBytes += bytesRead
    onBytes(doneBytes)
  }
}
