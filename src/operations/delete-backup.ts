import type { BackupInfo } from '../catalog/backup-info.ts'
import { listCatalog } from '../catalog/list.ts'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { isGood } from '../catalog/good-backup.ts'
import { collectBlocks } from './collect-blocks.ts'
import { type Context, withoutCancelling } from './context.ts'
import { deleteStored, finishDeletions } from './delete-stored.ts'
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
  return withStored(request.backup, context, async backup => {
    if (backup.pinned !== null) throw pinned(backup, backup.pinned.reason)
    if (request.force !== true) await requireAnother(backup, context)
    throwIfCancelled(context.signal)
    await finishDeletions(context)
    await deleteStored(backup, context)
    // It is gone: cancelling what follows would only say that it is not.
    const packs = backup.encoding === 'blocks' ? await collectBlocks(withoutCancelling(context)) : null
    return {
      success: true,
      backup,
      freedBytes: backup.size + (packs?.freedBytes ?? 0),
      packs,
      durationMs: Math.round(performance.now() - started),
    }
  })
}

/** Of the good backups, or where there is none of those with metadata, one must stay. */
async function requireAnother(backup: BackupInfo, { settings }: Context): Promise<void> {
  const all = await listCatalog(settings.backupDir, {})
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
