import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Pin } from '../catalog/metadata.ts'
import { BackupError } from '../errors.ts'
import type { Context } from './context.ts'
import type { BackupPinned, PinBackupRequest, UnpinBackupRequest } from './reports.ts'
import { type Stored, withStored } from './with-stored.ts'

/** Says of a backup that nothing may delete it, why, and who says so. A pin that it has already is replaced. */
export async function pinBackup(
  request: PinBackupRequest & { readonly backup: string },
  context: Context,
): Promise<BackupPinned> {
  const pin: Pin = {
    reason: request.reason,
    by: request.by ?? context.settings.createdBy,
    at: context.now().toISOString(),
  }
  return withStored(request, context, stored => writePin(stored, pin))
}

/** Takes a backup's pin away; one that has none stays as it is. */
export async function unpinBackup(
  request: UnpinBackupRequest & { readonly backup: string },
  context: Context,
): Promise<BackupPinned> {
  return withStored(request, context, stored =>
    stored.backup.pinned === null
      ? Promise.resolve({ success: true, backup: stored.backup })
      : writePin(stored, undefined),
  )
}

async function writePin({ backup, edit }: Stored, pin: Pin | undefined): Promise<BackupPinned> {
  requireMetadata(backup)
  return { success: true, backup: await edit({ pinned: pin }) }
}

function requireMetadata({ metadataState, metadataProblem, metadata, type, path }: BackupInfo): void {
  if (metadataState === 'invalid') {
    throw new BackupError(
      'METADATA_INVALID',
      `The backup's metadata cannot be read (${metadataProblem}), so it cannot be pinned: ${path}`,
      { hint: 'No policy deletes a backup whose metadata cannot be read.', path },
    )
  }
  if (metadata?.backup_type === type) return
  throw new BackupError(
    'INVALID_ARGUMENT',
    `A backup without metadata of its own cannot be pinned: ${path}`,
    {
      hint: 'No policy deletes it. To have one that can be pinned: chame-backup create.',
      path,
    },
  )
}
