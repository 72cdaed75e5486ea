import { open } from 'node:fs/promises'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { imageKey } from '../catalog/target-keys.ts'
import type { Bytes } from '../encoding/bytes.ts'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { during } from '../storage/io-errors.ts'
import type { Context } from './context.ts'
import { openNamed } from './target-access.ts'

const PIECE_BYTES = 1 << 20

/** A stored backup, or a file of ours. */
export type Readable =
  | Pick<BackupInfo, 'target' | 'path' | 'type' | 'filename' | 'size'>
  | { readonly path: string }

/**
 * The bytes of a stored backup, from wherever it is stored. A piece is written over when the next one is asked for.
 *
 * @param onBytes called with the bytes that have been read so far
 */
export function readStored(
  stored: Readable,
  context: Context,
  onBytes: (doneBytes: number) => void = () => {},
): Bytes {
  return 'target' in stored && stored.target !== null
    ? readTarget(stored.target, stored, context, onBytes)
    : readFile(stored.path, context, onBytes)
}

async function* readTarget(
  name: string,
  backup: Pick<BackupInfo, 'path' | 'type' | 'filename' | 'size'>,
  context: Context,
  onBytes: (doneBytes: number) => void,
): Bytes {
  await using target = await openNamed(name, context)
  let doneBytes = 0
  for await (const piece of target.get(imageKey(backup), { signal: context.signal })) {
    doneBytes += piece.length
    // There is room for what was listed, and no more.
    if (doneBytes > backup.size) throw tooLarge(name, backup)
    yield piece
    onBytes(doneBytes)
  }
}

function tooLarge(name: string, { path, size }: Pick<BackupInfo, 'path' | 'size'>): BackupError {
  return new BackupError(
    'OBJECT_DAMAGED',
    `The target ${name} sends more than the ${size} bytes that it lists: ${path}`,
    {
      hint: 'Nothing was changed. It was replaced meanwhile, or the target is failing: try again, or choose another backup.',
    },
  )
}

async function* readFile(path: string, { signal }: Context, onBytes: (doneBytes: number) => void): Bytes {
  const handle = await during('open', path, () => open(path, 'r'))
  await using _handle = { [Symbol.asyncDispose]: () => during('close', path, () => handle.close()) }
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
