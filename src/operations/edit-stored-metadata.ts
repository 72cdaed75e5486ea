import { join } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { typeDirectory } from '../catalog/layout.ts'
import { readBackup } from '../catalog/list.ts'
import { CatalogLock } from '../catalog/lock.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { begin, type Context } from './context.ts'
import { editAtTarget } from './edit-at-target.ts'
import { replaceMetadata } from './replace-metadata.ts'
import { withTarget } from './target-access.ts'

/**
 * Notes something in the metadata of a stored backup that was looked at without the catalog's lock. Resolves to the
 * backup as it is then. Null, and nothing was done, for a backup outside this backup directory, without metadata
 * that can be read, and for one that was deleted or replaced meanwhile.
 */
export async function editStoredMetadata(
  backup: BackupInfo,
  keys: (now: Metadata) => Partial<Metadata>,
  context: Context,
): Promise<BackupInfo | null> {
  const { backupDir, waitForLockMs } = context.settings
  if (backup.target !== null) {
    return withTarget(backup.target, context, target => editAtTarget(target, backup, keys, context))
  }
  const isOurs = backup.path === join(typeDirectory(backupDir, backup.type), backup.filename)
  if (!isOurs || backup.metadataState !== 'ok') return null
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(backupDir, { waitMs: waitForLockMs, signal: context.signal })
  const now = await readBackup(backupDir, backup.type, backup.filename)
  // The name may be another backup's by now; what is meant is the one with this checksum.
  if (now === null || now.metadata === null || now.checksum !== backup.checksum) return null
  return await replaceMetadata(now, keys(now.metadata), context)
}
