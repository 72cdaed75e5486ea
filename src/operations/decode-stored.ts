/** Decoding a stored backup, and what is wrong with one that cannot be. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import { NoKeyFits } from '../encoding/age/header.ts'
import { type Bytes, cancellable, Tap } from '../encoding/bytes.ts'
import type { Decoder } from '../encoding/encoding.ts'
import { Undecodable } from '../encoding/undecodable.ts'
import type { Durability } from '../storage/durable.ts'
import { writeBytes } from '../storage/write-bytes.ts'
import { differences, expectedOf } from './check-stored.ts'
import { checkFile, type StoredRead } from './check-unopened.ts'
import { bytesOf, type Context } from './context.ts'
import { keyWrong } from './key-failures.ts'
import { readStored } from './read-stored.ts'

/** Decodes a stored backup; nothing of a file in which this says problems is to be used. */
export async function decodeTo(
  file: string,
  backup: BackupInfo,
  { decoder, durability }: { readonly decoder: Decoder; readonly durability: Durability },
  context: Context,
): Promise<StoredRead> {
  const onBytes = bytesOf(context, 'verify-backup')
  const tap = new Tap()
  const bytes = readStored(backup, context, done => onBytes(done, backup.size))
  try {
    const image = decoder.decode(tap.through(bytes))
    const limit = backup.metadata?.image_size ?? Number.POSITIVE_INFINITY
    await writeBytes(file, cancellable(limited(image, limit), context.signal), durability)
  } catch (error) {
    const why = await whyUndecodable(error, backup, context)
    if (why === null) throw error
    return why
  }
  const stored = tap.seen()
  return { stored, problems: differences(stored.sizeBytes, stored.checksum, expectedOf(backup)) }
}

/**
 * What is wrong with a stored file that could not be decoded; null for an error that says nothing of it. Throws
 * `KEY_WRONG` for one that is as it was stored.
 */
export async function whyUndecodable(
  error: unknown,
  backup: BackupInfo,
  context: Context,
): Promise<StoredRead | null> {
  if (!(error instanceof Undecodable) && !(error instanceof NoKeyFits)) return null
  // Its checksum tells a file that was changed from one that was always so, or has another's key.
  const { stored, problems } = await checkFile(backup, 'none', context)
  if (error instanceof NoKeyFits && problems.length === 0) throw keyWrong(backup, error)
  const message = `The file cannot be decoded: ${error.message}`
  return { stored, problems: [...problems, { code: 'NOT_DECODABLE', message }] }
}

/** A few bytes can stand for more than any disk holds. */
async function* limited(bytes: Bytes, sizeMax: number): Bytes {
  let size = 0
  for await (const piece of bytes) {
    size += piece.length
    if (size > sizeMax) throw new Undecodable(`it holds more than the ${sizeMax} bytes of its image`)
    yield piece
  }
}
