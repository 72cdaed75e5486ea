/** The catalog: which backups exist, read from the stored files and their metadata. Nothing else knows. */
import { readdir, stat } from 'node:fs/promises'
import { isThere } from '../storage/durable.ts'
import { unlessMissing } from '../storage/io-errors.ts'
import type { BackupInfo } from './backup-info.ts'
import { backupOf } from './backup-of.ts'
import { deletingPath, imagePath, type StoredImage } from './deleting.ts'
import { metadataPath, typeDirectory } from './layout.ts'
import { countOf, isType, parseFilename } from './names.ts'
import { readMetadata } from './read-metadata.ts'

export interface ListFilter {
  /** Backups of this database, and those whose file names do not say of which; default: of every database. */
  readonly database?: string | undefined
  readonly type?: string | undefined
  readonly limit?: number | undefined
}

/** The backups in a backup directory, newest first; none when it does not exist. */
export async function listCatalog(backupDir: string, filter: ListFilter): Promise<BackupInfo[]> {
  const types = filter.type === undefined ? await typesIn(backupDir) : [filter.type]
  const lists = await Promise.all(types.map(type => listType(backupDir, type)))
  const backups = lists
    .flat()
    .filter(backup => filter.database === undefined || isOf(filter.database)(backup))
  return backups.toSorted(newestFirst).slice(0, filter.limit)
}

/** The backup of a database with this very file name; null when the catalog has none. A name is compared, never a path. */
export async function findInCatalog(
  backupDir: string,
  database: string,
  filename: string,
): Promise<BackupInfo | null> {
  for (const type of await typesIn(backupDir)) {
    const names =
      (await unlessMissing(typeDirectory(backupDir, type), () => readdir(typeDirectory(backupDir, type)))) ??
      []
    if (!names.includes(filename)) continue
    const backup = await readBackup(backupDir, type, filename)
    if (backup !== null && isOf(database)(backup)) return backup
  }
  return null
}

/** Whether a backup is of a database, or does not say of which. */
export function isOf(name: string): (backup: BackupInfo) => boolean {
  return ({ database }) => database === null || database === name
}

/** The backup that a stored file is; null when there is no such file or it is none of a backup's kind. */
export async function readBackup(
  backupDir: string,
  type: string,
  filename: string,
): Promise<BackupInfo | null> {
  const parsed = parseFilename(filename)
  const path = imagePath(backupDir, { type, filename })
  const stats = await unlessMissing(path, () => stat(path))
  if (parsed === null || stats === null || !stats.isFile()) return null
  const metadata = await readMetadata(metadataPath(backupDir, filename))
  if (metadata.metadataState === 'missing' && (await isBeingDeleted(backupDir, { type, filename })))
    return null
  return backupOf({ filename, type, target: null, path, size: stats.size, modified: stats.mtime }, metadata)
}

/** Without the lock a deletion may go on between two looks: whose mark is gone already, is gone itself. */
async function isBeingDeleted(backupDir: string, image: StoredImage): Promise<boolean> {
  return (await isThere(deletingPath(backupDir, image))) || !(await isThere(imagePath(backupDir, image)))
}

async function listType(backupDir: string, type: string): Promise<BackupInfo[]> {
  const directory = typeDirectory(backupDir, type)
  const names = (await unlessMissing(directory, () => readdir(directory))) ?? []
  const found = await Promise.all(names.map(name => readBackup(backupDir, type, name)))
  return found.filter(backup => backup !== null)
}

async function typesIn(backupDir: string): Promise<string[]> {
  const entries = (await unlessMissing(backupDir, () => readdir(backupDir))) ?? []
  return entries.filter(isType)
}

/** By creation; within the same instant the later name (`_2` after none) is the newer. */
export function newestFirst(a: BackupInfo, b: BackupInfo): number {
  if (a.created !== b.created) return laterFirst(a.created, b.created)
  return countOf(b.filename) - countOf(a.filename) || laterFirst(a.filename, b.filename)
}

function laterFirst(a: string, b: string): number {
  return a < b ? 1 : -1
}
