import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { editMetadata } from '../catalog/edit-metadata.ts'
import { metadataDirectory, metadataPath, typeDirectory } from '../catalog/layout.ts'
import { readBackup } from '../catalog/list.ts'
import { CatalogLock } from '../catalog/lock.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { Staging } from '../catalog/staging.ts'
import { syncDirectory, writeNewFile } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { begin, type Context, durabilityOf } from './context.ts'

/**
 * Changes some keys of a stored backup's metadata, durably and in one step, under the catalog's lock; all others
 * stay, known or not. Resolves to the backup as it is then. Null, and nothing was done, for a backup outside this backup directory, without metadata
 * that can be read, and for one that was deleted or replaced meanwhile.
 */
export async function editStoredMetadata(
  backup: BackupInfo,
  keys: Partial<Metadata>,
  context: Context,
): Promise<BackupInfo | null> {
  const { backupDir, fileMode, waitForLockMs } = context.settings
  const isOurs = backup.path === join(typeDirectory(backupDir, backup.type), backup.filename)
  if (!isOurs || backup.metadataState !== 'ok') return null
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(backupDir, { waitMs: waitForLockMs, signal: context.signal })
  const now = await readBackup(backupDir, backup.type, backup.filename)
  // The name may be another backup's by now; what is meant is the one with this checksum.
  if (now?.metadataState !== 'ok' || now.checksum !== backup.checksum) return null
  begin(context, 'write-metadata')
  const path = metadataPath(backupDir, backup.filename)
  await using staging = await Staging.open(backupDir, metadataDirectory(backupDir))
  const file = staging.file('metadata.json')
  const text = await during('read', path, () => readFile(path, 'utf8'))
  await writeNewFile(file, editMetadata(text, keys), fileMode, durabilityOf(context))
  await during('replace', path, () => rename(file, path))
  await syncDirectory(metadataDirectory(backupDir), durabilityOf(context))
  return await readBackup(backupDir, backup.type, backup.filename)
}
