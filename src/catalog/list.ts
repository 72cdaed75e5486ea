/** The catalog: which backups exist, read from the stored files and their metadata. Nothing else knows. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { during, isNotThere } from '../storage/io-errors.ts'
import type { BackupInfo } from './backup-info.ts'
import { metadataPath, typeDirectory } from './layout.ts'
import { isType, parseFilename } from './names.ts'

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
  const path = join(typeDirectory(backupDir, type), filename)
  const stats = await unlessMissing(path, () => stat(path))
  if (parsed === null || stats === null || !stats.isFile()) return null
  const metadata = await readMetadata(backupDir, filename)
  const known = metadata.metadata
  return {
    filename,
    path,
    type,
    // The file's name first: damaged metadata must not hide a backup from its database's list.
    database: parsed.database ?? known?.database ?? null,
    created: known?.created_at ?? stats.mtime.toISOString(),
    size: stats.size,
    checksum: known?.checksum ?? null,
    description: known?.description ?? null,
    createdBy: known?.created_by ?? null,
    databaseVersion: known?.database_version ?? null,
    encoding: parsed.encoding,
    ...metadata,
  }
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

type MetadataFields = Pick<BackupInfo, 'metadata' | 'metadataState' | 'metadataProblem'>

async function readMetadata(backupDir: string, filename: string): Promise<MetadataFields> {
  const path = metadataPath(backupDir, filename)
  const text = await unlessMissing(path, () => readRegularFile(path))
  if (text === null) return { metadata: null, metadataState: 'missing', metadataProblem: null }
  const { parseMetadata } = await import('./parse-metadata.ts')
  const parsed = parseMetadata(text)
  return 'metadata' in parsed
    ? { metadata: parsed.metadata, metadataState: 'ok', metadataProblem: null }
    : { metadata: null, metadataState: 'invalid', metadataProblem: parsed.problem }
}

/** The text of a file; none for a FIFO, whose reading would never end, or a directory. */
async function readRegularFile(path: string): Promise<string> {
  return (await stat(path)).isFile() ? readFile(path, 'utf8') : ''
}

async function unlessMissing<T>(path: string, read: () => Promise<T>): Promise<T | null> {
  return during('read', path, async () => {
    try {
      return await read()
    } catch (error) {
      if (isNotThere(error)) return null
      throw error
    }
  })
}

/** By creation; within the same instant the later name (`_2` after none) is the newer. */
function newestFirst(a: BackupInfo, b: BackupInfo): number {
  if (a.created !== b.created) return a.created < b.created ? 1 : -1
  return countOf(b.filename) - countOf(a.filename) || (a.filename < b.filename ? 1 : -1)
}

function countOf(filename: string): number {
  return Number(/_\d{8}_\d{6}_(\d+)\.db/.exec(filename)?.[1] ?? 1)
}
