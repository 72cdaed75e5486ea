import type { BackupInfo } from '../catalog/backup-info.ts'
import { listCatalog } from '../catalog/list.ts'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { isGood } from '../catalog/good-backup.ts'
import { type Context } from './context.ts'
import { identityOf } from './copy-identity.ts'
import { recordCopies } from './record-copies.ts'
import type { BackupDeleted, DeleteBackupRequest } from './reports.ts'
import { withStored } from './with-stored.ts'

/**
 * Deletes one backup, metadata first, for good. Refused for one that is pinned and, without `force`, for the last
 * good one of its database. Killed at any instant, the backup is whole, or it is none and the next cleanup
 * removes what is left.
 */
export async function deleteBackup(
  request: DeleteBackupRequest & { readonly backup: string },
  context: Context,
): Promise<BackupDeleted> {
  const started = performance.now()
  if (request.confirm !== true) throw notConfirmed(request.backup)
  return withStored(request, context, async stored => {
    const { backup } = stored
    if (backup.pinned !== null) throw pinned(backup, backup.pinned.reason)
    if (request.force !== true) requireAnother(backup, await stored.others())
    throwIfCancelled(context.signal)
    const packs = await stored.delete()
    await noteDeleted(backup, context)
    return {
      success: true,
      backup,
      freedBytes: backup.size + (packs?.freedBytes ?? 0),
      packs,
      durationMs: Math.round(performance.now() - started),
    }
  })
}

/** What was deleted at a target is not copied there again by the next sync. */
async function noteDeleted({ target, metadata }: BackupInfo, context: Context): Promise<void> {
  if (target === null || metadata === null) return
  const { backupDir, name } = context.settings
  const local = await listCatalog(backupDir, { database: name })
  const identity = identityOf(metadata)
  const same = local.find(backup => backup.metadata !== null && identityOf(backup.metadata) === identity)
  if (same !== undefined) await recordCopies(same, { [target]: null }, context)
}

/** Of the good backups, or where there is none of those with metadata, one must stay. */
function requireAnother(backup: BackupInfo, all: readonly BackupInfo[]): void {
  const known = all.filter(({ database, metadata }) => database === backup.database && metadata !== null)
  const good = known.filter(isGood)
  const worth = good.length > 0 ? good : known
  if (worth.length !== 1 || worth[0]?.path !== backup.path) return
  const what = good.length > 0 ? 'the last good backup' : 'the last backup'
  throw new BackupError(
    'BACKUP_PROTECTED',
    `Not deleted, because it is ${what} of ${backup.database}: ${backup.path}`,
    {
      hint: 'Make another one first with: chame-backup create. Or insist with --force (force: true).',
      path: backup.path,
    },
  )
}

function notConfirmed(backup: string): BackupError {
  return new BackupError('DELETE_NOT_CONFIRMED', `Delete not confirmed: ${backup}`, {
    hint: 'A deleted backup cannot be had back. Confirm with --confirm (confirm: true).',
  })
}

function pinned({ path }: BackupInfo, reason: string): BackupError {
  return new BackupError('BACKUP_PROTECTED', `Not deleted, because it is pinned (${reason}): ${path}`, {
    hint: 'If it is not needed any more: chame-backup unpin <backup>.',
    path,
  })
}
