/** Stored files, as they are copied. */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { imageKey } from '../catalog/target-keys.ts'
import { BackupError } from '../errors.ts'
import { during } from '../storage/io-errors.ts'
import type { Content } from '../storage/target.ts'
import type { Context } from './context.ts'
import { openNamed } from './target-access.ts'

/** One object at a target. */
export interface BackupFile {
  readonly key: string
  readonly content: Content & { readonly sizeBytes: number }
}

/** A backup's own file. Of what it says that it relies on elsewhere, see `PackCopy`. */
export function fileOf(backup: BackupInfo & { readonly metadata: Metadata }, context: Context): BackupFile {
  const key = imageKey(backup)
  const { target, path, size: sizeBytes, metadata } = backup
  const facts = { sizeBytes, sha256: metadata.checksum }
  if (target === null) return { key, content: contentOfFile(path, facts) }
  const read = (): AsyncIterable<Uint8Array> => readAtTarget(target, key, sizeBytes, context)
  return { key, content: { ...facts, open: from => hashed(read(), from, { path, ...facts }) } }
}

async function* readAtTarget(
  name: string,
  key: string,
  sizeBytes: number,
  context: Context,
): AsyncIterable<Uint8Array> {
  if (sizeBytes === 0) return
  await using target = await openNamed(name, context)
  yield* target.get(key, { signal: context.signal, range: { from: 0, length: sizeBytes } })
}

interface FileFacts {
  readonly sizeBytes: number
  /** Hex. */
  readonly sha256: string
}

const READ_BYTES = 1 << 20

/** A file that nobody writes, to be put at a target. What is read of it ends with an error when it is not what was recorded of it. */
export function contentOfFile(path: string, facts: FileFacts): Content & { readonly sizeBytes: number } {
  return { ...facts, open: from => hashed(readFile(path), from, { path, ...facts }) }
}

/**
 * The bytes from an offset on. All of them are hashed, so that whoever stores them learns of damage before he says that
 * they are stored; what has been sent already is therefore read again.
 */
async function* hashed(
  bytes: AsyncIterable<Uint8Array>,
  from: number,
  { path, sizeBytes, sha256 }: FileFacts & { readonly path: string },
): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256')
  let position = 0
  let held: Uint8Array | null = null
  for await (const chunk of bytes) {
    hash.update(chunk)
    const start = Math.max(0, from - position)
    position += chunk.length
    if (start >= chunk.length) continue
    // The last piece is held back until all of it is known to be right.
    if (held !== null) yield held
    held = chunk.subarray(start)
  }
  if (position !== sizeBytes) throw damaged(path, `it has ${position} bytes instead of ${sizeBytes}`)
  if (hash.digest('hex') !== sha256) throw damaged(path, 'its SHA-256 is not the recorded one')
  if (held !== null) yield held
}

async function* readFile(path: string): AsyncIterable<Uint8Array> {
  await using handle = await during('read', path, () => open(path, 'r'))
  for (let position = 0; ;) {
    const at = position
    const { bytesRead, buffer } = await during('read', path, () =>
      handle.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, at),
    )
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

function damaged(path: string, why: string): BackupError {
  return new BackupError(
    'BACKUP_DAMAGED',
    `The stored backup is damaged, and is not copied (${why}): ${path}`,
    {
      hint: 'Look at it with: chame-backup verify <file>. If a target has a good copy, it is brought back with: chame-backup repair <file>.',
      path,
    },
  )
}
