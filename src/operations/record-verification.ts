import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Context } from './context.ts'
import { editStoredMetadata } from './edit-stored-metadata.ts'

/**
 * Notes in a backup's metadata that a check passed, or found damage, and when. Resolves to whether that was done:
 * see `editStoredMetadata`.
 *
 * @param found.isAsStored the damage is in the image, and every byte is what was stored
 */
export async function recordVerification(
  backup: BackupInfo,
  { isIntact, isAsStored }: { readonly isIntact: boolean; readonly isAsStored: boolean },
  context: Context,
): Promise<boolean> {
  const at = context.now().toISOString()
  const damaged_as_stored = isAsStored ? (true as const) : undefined
  const keys = isIntact
    ? { verified_at: at, damaged_at: undefined, damaged_as_stored: undefined }
    : { verified_at: null, damaged_at: at, damaged_as_stored }
  return (await editStoredMetadata(backup, () => keys, context)) !== null
}
