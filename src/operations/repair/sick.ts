/** Which backups of the backup directory are to be repaired. */
import { basename, resolve } from 'node:path'
import type { BackupInfo } from '../../catalog/backup-info.ts'
import { backupOf } from '../../catalog/backup-of.ts'
import { imageAt, imagePath } from '../../catalog/deleting.ts'
import { findBackup } from '../../catalog/find.ts'
import { metadataDirectory, metadataPath } from '../../catalog/layout.ts'
import { listCatalog } from '../../catalog/list.ts'
import type { Metadata } from '../../catalog/metadata.ts'
import { isBackupName, isType, parseFilename } from '../../catalog/names.ts'
import { readMetadata } from '../../catalog/read-metadata.ts'
import { BackupError } from '../../errors.ts'
import { isThere, namesIn } from '../../storage/durable.ts'
import type { Context } from '../context.ts'
import { lacksPacks } from '../stored-bytes.ts'

/** A backup of the backup directory, by its metadata, whose file may be gone. */
export type Sick = BackupInfo & { readonly metadata: Metadata }

/** One of which nobody knows what it should be. */
export type Undescribed = BackupInfo & { readonly metadata: null }

/** What is to be repaired: one whose metadata says what it should be, or one without. Throws `BACKUP_NOT_FOUND`. */
export async function findSick(wanted: string, { settings }: Context): Promise<Sick | Undescribed> {
  const { backupDir, name } = settings
  const gone = await withoutFile(backupDir, basename(wanted))
  if (gone !== null) return gone
  const backup = await findBackup(backupDir, name, wanted)
  if (imageAt(resolve(backupDir), resolve(backup.path)) === null) throw notHere(backup, backupDir)
  return isDescribed(backup) ? backup : { ...backup, metadata: null }
}

/**
 * All of this database that are known to be damaged: where a check has found it, the size tells, or the file, or a pack
 * that it relies on, is gone.
 */
export async function allSick(context: Context): Promise<Sick[]> {
  const { backupDir, name } = context.settings
  const listed = (await listCatalog(backupDir, { database: name })).filter(isDescribed)
  const sick: Sick[] = []
  for (const backup of listed) {
    const { damaged_at, file_size } = backup.metadata
    const isKnown = damaged_at !== undefined || backup.size !== file_size
    if (isKnown || (await lacksPacks(backup, context))) sick.push(backup)
  }
  for (const entry of await namesIn(metadataDirectory(backupDir))) {
    const filename = basename(entry, '.json')
    if (filename === entry || parseFilename(filename)?.database !== name) continue
    const gone = await withoutFile(backupDir, filename)
    if (gone !== null) sick.push(gone)
  }
  return sick
}

/** A backup of which only the metadata is there; null when that is not so. */
async function withoutFile(backupDir: string, filename: string): Promise<Sick | null> {
  if (!isBackupName(filename)) return null
  const fields = await readMetadata(metadataPath(backupDir, filename))
  const { metadata } = fields
  if (metadata === null || !isType(metadata.backup_type)) return null
  const type = metadata.backup_type
  const path = imagePath(backupDir, { type, filename })
  if (await isThere(path)) return null
  const backup = backupOf({ filename, type, target: null, path, size: 0, modified: new Date(0) }, fields)
  return { ...backup, metadata }
}

export function isDescribed(backup: BackupInfo): backup is Sick {
  return backup.metadata !== null && backup.metadata.backup_type === backup.type
}

function notHere({ path }: BackupInfo, backupDir: string): BackupError {
  return new BackupError('BACKUP_NOT_FOUND', `Not a backup in ${backupDir}: ${path}`, {
    hint: 'See what there is with: chame-backup list. For another backup directory use --backup-dir (backupDir).',
    path: backupDir,
  })
}
