import type { BackupInfo } from '../catalog/backup-info.ts'
import { editMetadata } from '../catalog/edit-metadata.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { METADATA_BYTES_MAX, readAtTarget } from '../catalog/target-catalog.ts'
import { metadataKey } from '../catalog/target-keys.ts'
import { putText } from '../storage/put-text.ts'
import { readObject } from '../storage/read-object.ts'
import type { Target } from '../storage/target.ts'
import { begin, type Context } from './context.ts'

/**
 * Changes some keys of the metadata of a backup at a target; all others stay, known or not. There is no lock: of two that
 * do so at once the later one's is what stays. Null when it was deleted or replaced meanwhile.
 */
export async function editAtTarget(
  target: Target,
  backup: BackupInfo,
  keys: (now: Metadata) => Partial<Metadata>,
  context: Context,
): Promise<BackupInfo | null> {
  const { signal } = context
  const { filename } = backup
  begin(context, 'write-metadata')
  const now = await readAtTarget(target, filename, { signal })
  if (now === null || now.metadata === null || now.checksum !== backup.checksum) return null
  const key = metadataKey(filename)
  const text = Buffer.from(await readObject(target, key, { signal, bytesMax: METADATA_BYTES_MAX })).toString(
    'utf8',
  )
  await putText(target, key, editMetadata(text, keys(now.metadata)), { signal })
  return await readAtTarget(target, filename, { signal })
}
