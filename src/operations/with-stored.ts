import { resolve } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { imageAt } from '../catalog/deleting.ts'
import { findBackup } from '../catalog/find.ts'
import { readBackup } from '../catalog/list.ts'
import { CatalogLock } from '../catalog/lock.ts'
import { removeLeftovers } from '../catalog/staging.ts'
import { BackupError } from '../errors.ts'
import { begin, type Context } from './context.ts'

/**
 * Does something with the stored backup that a user means, under the catalog's lock, so that nobody else makes,
 * restores or deletes one meanwhile. Throws `BACKUP_NOT_FOUND`, also for a file outside this backup directory.
 */
export async function withStored<T>(
  wanted: string,
  context: Context,
  act: (backup: BackupInfo) => Promise<T>,
): Promise<T> {
  const { backupDir, name, waitForLockMs } = context.settings
  begin(context, 'find-backup')
  const { path } = await findBackup(backupDir, name, wanted)
  const image = imageAt(resolve(backupDir), path)
  if (image === null) throw notHere(path, backupDir)
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(backupDir, { waitMs: waitForLockMs, signal: context.signal })
  begin(context, 'remove-leftovers')
  await removeLeftovers(backupDir, [])
  const backup = await readBackup(backupDir, image.type, image.filename)
  if (backup === null) throw notHere(path, backupDir)
  return await act(backup)
}

function notHere(path: string, backupDir: string): BackupError {
  return new BackupError('BACKUP_NOT_FOUND', `Not a backup in ${backupDir}: ${path}`, {
    hint: 'See what there is with: chame-backup list. For another backup directory use --backup-dir (backupDir).',
    path,
  })
}
