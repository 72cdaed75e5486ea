/** The catalog: which backups exist, read from the stored files and their metadata. Nothing else knows. */
import type { Stats } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { isThere } from '../storage/durable.ts'
import { during, isLoop, unlessMissing } from '../storage/io-errors.ts'
import { statOf } from '../storage/looks.ts'
import type { BackupInfo } from './backup-info.ts'
import { backupOf } from './backup-of.ts'
import { deletingPath, imagePath, type StoredImage } from './deleting.ts'
import { metadataPath, typeDirectory } from './layout.ts'
import { countOf, isBackupName, isPossible, isType, parseFilename } from './names.ts'
import { metadataReader, readMetadata } from './read-metadata.ts'
import { readStoredFiles } from './stored-files.ts'

/** Below this a thread takes longer to start than the files to read. */
const THREAD_FROM = 400

export interface ListFilter {
  /** Backups of this database, and those whose file names do not say of which; default: of every database. */
  readonly database?: string | undefined
  readonly type?: string | undefined
  readonly limit?: number | undefined
}

/** The backups in a backup directory, newest first; none when it does not exist. */
export async function listCatalog(backupDir: string, filter: ListFilter): Promise<BackupInfo[]> {
  const types = filter.type === undefined ? await typesIn(backupDir) : [filter.type]
  const images = await imagesIn(backupDir, types, name => isWanted(name, { database: filter.database }))
  const backups = (await readBackups(backupDir, images)).filter(
    backup => filter.database === undefined || isOf(filter.database)(backup),
  )
  return backups.toSorted(newestFirst).slice(0, filter.limit)
}

/** The backups with this very file name, newest first: there may be one of each type. A name is compared, never a path. */
export async function findInCatalog(backupDir: string, filename: string): Promise<BackupInfo[]> {
  const images = await imagesIn(backupDir, await typesIn(backupDir), name => name === filename)
  return (await readBackups(backupDir, images)).toSorted(newestFirst)
}

/** Whether a backup is of a database, or does not say of which. */
export function isOf(name: string): (backup: BackupInfo) => boolean {
  return ({ database }) => database === null || database === name
}

/** Whether a file name may be of a backup that a filter asks for: of another one nothing has to be read. */
export function isWanted(filename: string, { database, type }: ListFilter): boolean {
  if (database === undefined && type === undefined) return true
  const named = parseFilename(filename)
  const isOther = (wanted: string | undefined, said: string | null | undefined): boolean =>
    wanted !== undefined && said !== null && said !== undefined && said !== wanted
  return !isOther(database, named?.database) && !isOther(type, named?.type)
}

/** The backup that a stored file is; null when there is no such file or it is none of a backup's kind. */
export async function readBackup(
  backupDir: string,
  type: string,
  filename: string,
): Promise<BackupInfo | null> {
  if (!isBackupName(filename)) return null
  const path = imagePath(backupDir, { type, filename })
  const stats = await during('read', path, () => statUnlessLoop(path))
  if (stats === null || !stats.isFile()) return null
  const metadata = await readMetadata(metadataPath(backupDir, filename))
  if (metadata.metadataState === 'missing' && (await isBeingDeleted(backupDir, { type, filename })))
    return null
  return backupOf({ filename, type, target: null, path, size: stats.size, modified: stats.mtime }, metadata)
}

/** Without the lock a deletion may go on between two looks: whose mark is gone already, is gone itself. */
async function isBeingDeleted(backupDir: string, image: StoredImage): Promise<boolean> {
  const mark = deletingPath(backupDir, image)
  if (isPossible(basename(mark)) && (await isThere(mark))) return true
  return !(await isThere(imagePath(backupDir, image)))
}

/** A link that leads to itself is no more of a backup than one that leads nowhere: it must not keep the others from being listed. */
async function statUnlessLoop(path: string): Promise<Stats | null> {
  try {
    return await statOf(path)
  } catch (error) {
    if (isLoop(error)) return null
    throw error
  }
}

async function imagesIn(
  backupDir: string,
  types: readonly string[],
  isMeant: (filename: string) => boolean,
): Promise<StoredImage[]> {
  const lists = await Promise.all(
    types.map(async type => {
      const directory = typeDirectory(backupDir, type)
      const names = (await unlessMissing(directory, () => readdir(directory))) ?? []
      const files = names.filter(name => parseFilename(name) !== null && isMeant(name))
      return files.map(filename => ({ type, filename }))
    }),
  )
  return lists.flat()
}

async function readBackups(backupDir: string, images: readonly StoredImage[]): Promise<BackupInfo[]> {
  const found =
    images.length < THREAD_FROM
      ? await Promise.all(images.map(({ type, filename }) => readBackup(backupDir, type, filename)))
      : await readMany(backupDir, images)
  return found.filter(backup => backup !== null)
}

/** In no order. What the thread does not find to be as usual is looked at as any single backup is. */
async function readMany(backupDir: string, images: readonly StoredImage[]): Promise<(BackupInfo | null)[]> {
  const read = await metadataReader()
  const backups: (BackupInfo | null)[] = []
  for await (const { type, prefix, filenames, files } of readStoredFiles(backupDir, images)) {
    const others: Promise<BackupInfo | null>[] = []
    for (const [index, stored] of files.entries()) {
      const filename = filenames[index] as string
      if (stored === null) {
        others.push(readBackup(backupDir, type, filename))
        continue
      }
      const { size, modified, text } = stored
      const path = prefix + filename
      backups.push(backupOf({ filename, type, target: null, path, size, modified }, read(text)))
    }
    backups.push(...(await Promise.all(others)))
  }
  return backups
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
