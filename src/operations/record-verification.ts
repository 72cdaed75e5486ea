import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Context } from './context.ts'
import { editStoredMetadata } from './edit-stored-metadata.ts'

/**
 * Notes in a backup's metadata that a check passed, or found damage, and when. Resolves to whether that was done:
 * see `editStoredMetadata`.
 */
export async function recordVerification(
  backup: BackupInfo,
  { isIntact }: { readonly isIntact: boolean },
  context: Context,
): Promise<boolean> {
  const at = context.now().toISOString()
  const keys = isIntact ? { verified_at: at, damaged_at: undefined } : { verified_at: null, damaged_at: at }
  return (await editStoredMetadata(backup, () => keys, context)) !== null
}
