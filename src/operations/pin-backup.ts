import { readFile, rename } from 'node:fs/promises'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { metadataDirectory, metadataPath } from '../catalog/layout.ts'
import { readBackup } from '../catalog/list.ts'
import type { Pin } from '../catalog/metadata.ts'
import { editMetadata } from '../catalog/edit-metadata.ts'
import { Staging } from '../catalog/staging.ts'
import { BackupError } from '../errors.ts'
import { syncDirectory, writeNewFile } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { begin, type Context, durabilityOf } from './context.ts'
import type { BackupPinned, PinBackupRequest } from './reports.ts'
import { withStored } from './with-stored.ts'

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
  return withStored(request.backup, context, backup => writePin(backup, pin, context))
}

/** Takes a backup's pin away; one that has none stays as it is. */
export async function unpinBackup(
  request: { readonly backup: string },
  context: Context,
): Promise<BackupPinned> {
  return withStored(request.backup, context, backup =>
    backup.pinned === null
      ? Promise.resolve({ success: true, backup })
      : writePin(backup, undefined, context),
  )
}

/** The metadata is replaced in one step: whoever is killed here, it is the old or the new. */
async function writePin(backup: BackupInfo, pin: Pin | undefined, context: Context): Promise<BackupPinned> {
  requireMetadata(backup)
  const { backupDir, fileMode } = context.settings
  const path = metadataPath(backupDir, backup.filename)
  begin(context, 'write-metadata')
  await using staging = await Staging.open(backupDir, metadataDirectory(backupDir))
  const file = staging.file('metadata.json')
  const text = await during('read', path, () => readFile(path, 'utf8'))
  await writeNewFile(file, editMetadata(text, { pinned: pin }), fileMode, durabilityOf(context))
  await during('replace', path, () => rename(file, path))
  await syncDirectory(metadataDirectory(backupDir), durabilityOf(context))
  const changed = await readBackup(backupDir, backup.type, backup.filename)
  return { success: true, backup: changed ?? backup }
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
