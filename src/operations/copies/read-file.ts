/** Reading the stored file of a copy at a target. */
import { createHash } from 'node:crypto'
import type { BackupInfo } from '../../catalog/backup-info.ts'
import type { Metadata } from '../../catalog/metadata.ts'
import { readAtTarget } from '../../catalog/target-catalog.ts'
import { imageKey } from '../../catalog/target-keys.ts'
import { BackupError } from '../../errors.ts'
import type { Seen } from '../../encoding/bytes.ts'
import { orProblemOf } from '../../storage/target-failure.ts'
import type { Target } from '../../storage/target.ts'
import { differences, expectedOf } from '../check-stored.ts'
import type { Context } from '../context.ts'
import { identityOf } from '../copy-identity.ts'
import { judged } from '../trust.ts'

export type Described = BackupInfo & { readonly metadata: Metadata }

/** A backup at a target, and the same one in the backup directory; null where that is not there (any more). */
export interface Copy {
  readonly there: Described
  readonly here: Described | null
}

/** What is wrong with something at a target; null: nothing. `gone`: it was deleted meanwhile, which is none of this. */
export type Wrong = { readonly message: string } | null | 'gone'

/** Reads a copy's metadata and its file, all of it, and compares them with what is known here and with each other. */
export async function readCopy(
  { there, here }: Copy,
  target: Target,
  context: Context,
  onBytes: (doneBytes: number) => void,
): Promise<Wrong> {
  const { signal } = context
  const now = await readAtTarget(target, there.filename, { signal })
  if (now === null) return 'gone'
  const { metadata, metadataProblem } = now
  if (metadata === null) return { message: `its metadata there cannot be read: ${metadataProblem}` }
  const otherwise = otherThanHere({ ...now, metadata }, here)
  if (otherwise !== null) return { message: otherwise }
  if (judged(now, context).signature === 'wrong') return { message: 'its signature is not of it' }
  const read = await orProblemOf(() => hashObject(target, now, { signal, onBytes }))
  if (read instanceof BackupError)
    return read.code === 'OBJECT_NOT_FOUND' ? 'gone' : { message: read.message }
  return differences(read.sizeBytes, read.checksum, expectedOf(now))[0] ?? null
}

/** What the metadata there says of the file, where that contradicts what is known here. After a conversion there are two files. */
function otherThanHere(there: Described, here: Described | null): string | null {
  if (here === null) return null
  if (identityOf(there.metadata) !== identityOf(here.metadata))
    return 'its metadata there is of another backup'
  if (there.encoding !== here.encoding) return null
  const { checksum, file_size } = here.metadata
  const isSame = there.metadata.checksum === checksum && there.metadata.file_size === file_size
  return isSame ? null : 'its metadata there says another size or checksum than here'
}

/** No more is read than was listed. */
async function hashObject(
  target: Target,
  backup: BackupInfo,
  { signal, onBytes }: { readonly signal: AbortSignal; readonly onBytes: (doneBytes: number) => void },
): Promise<Seen> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const piece of target.get(imageKey(backup), { signal })) {
    hash.update(piece)
    sizeBytes += piece.length
    onBytes(sizeBytes)
    if (sizeBytes > backup.size) break
  }
  return { sizeBytes, checksum: hash.digest('hex') }
}
