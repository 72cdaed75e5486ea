import { stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { BackupError } from '../errors.ts'
import { during, isNotThere } from '../storage/io-errors.ts'
import type { BackupInfo } from './backup-info.ts'
import { findInCatalog, listCatalog, readBackup } from './list.ts'
import { isType, parseFilename, PRE_RESTORE } from './names.ts'

/** The type shown for a file outside every backup directory. */
const EXTERNAL = 'external'

/**
 * Finds the backup that a user means. Throws `BACKUP_NOT_FOUND`.
 *
 * @param wanted a path; a bare file name, looked for in the catalog first; or `latest`: the newest that
 * was made on purpose. A pre_restore backup is not `latest`, so that restoring twice is no undo.
 */
export async function findBackup(backupDir: string, database: string, wanted: string): Promise<BackupInfo> {
  if (wanted === 'latest') return latest(backupDir, database)
  const found = (await byName(backupDir, wanted)) ?? (await byPath(resolve(wanted)))
  if (found !== null) return found
  throw new BackupError('BACKUP_NOT_FOUND', `Backup not found: ${wanted}`, {
    hint: 'See what there is with: chame-backup list. A backup is named by its path, its file name or "latest".',
    path: backupDir,
  })
}

async function latest(backupDir: string, database: string): Promise<BackupInfo> {
  const backups = await listCatalog(backupDir, { database })
  const found = backups.find(backup => backup.type !== PRE_RESTORE)
  if (found !== undefined) return found
  // They are the way back, and whoever looks for it must not read that there is none.
  const isOnlyWayBack = backups.length > 0
  throw new BackupError(
    'BACKUP_NOT_FOUND',
    `There is no backup of ${database} ${isOnlyWayBack ? 'but pre_restore ones' : 'yet'}: ${backupDir}`,
    {
      hint: isOnlyWayBack
        ? 'latest means none of those: give the file name of one, as chame-backup list shows it.'
        : 'Make one with: chame-backup create',
      path: backupDir,
    },
  )
}

async function byName(backupDir: string, name: string): Promise<BackupInfo | null> {
  if (basename(name) !== name) return null
  return (await findInCatalog(backupDir, name))[0] ?? null
}

/** A file in a backup directory, this one or another, has its metadata beside it; any other has none. */
async function byPath(path: string): Promise<BackupInfo | null> {
  const filename = basename(path)
  const type = basename(dirname(path))
  const inCatalog = isType(type) ? await readBackup(dirname(dirname(path)), type, filename) : null
  if (inCatalog !== null && inCatalog.metadataState !== 'missing') return inCatalog
  const stats = await during('read', path, async () => {
    try {
      return await stat(path)
    } catch (error) {
      if (isNotThere(error)) return null
      throw error
    }
  })
  if (stats === null) return null
  if (!stats.isFile()) {
    throw new BackupError(
      'BACKUP_NOT_FOUND',
      `Not a file but a ${stats.isDirectory() ? 'directory' : 'special file'}: ${path}`,
      {
        hint: 'Give the path of the backup file itself.',
        path,
      },
    )
  }
  return (
    inCatalog ?? {
      filename,
      target: null,
      path,
      type: EXTERNAL,
      database: null,
      created: stats.mtime.toISOString(),
      size: stats.size,
      checksum: null,
      description: null,
      createdBy: null,
      databaseVersion: null,
      encoding: parseFilename(filename)?.encoding ?? 'plain',
      pinned: null,
      copies: [],
      signature: null,
      metadataState: 'missing',
      metadataProblem: null,
      metadata: null,
    }
  )
}
