import { dirname, join } from 'node:path'
import type { BlockStore } from '../blocks/store.ts'
import type { ReadableImage } from '../blocks/scan-image.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { SUFFIXES } from '../catalog/encodings.ts'
import { parseFilename, RESERVED_DIRECTORIES } from '../catalog/names.ts'
import { type Image, readImageRun } from '../snapshot/image.ts'
import type { RawFile } from '../snapshot/source-files.ts'
import { namesIn } from '../storage/durable.ts'
import { type Context, durabilityOf } from './context.ts'

/** The store of packs of the backup directory. */
export function blockStoreOf(context: Context): BlockStore {
  const { backupDir, fileMode, directoryMode } = context.settings
  return { backupDir, fileMode, directoryMode, durability: durabilityOf(context) }
}

/** The store that a stored backup relies on: that of the backup directory it lies in, which may be another one. */
export function storeBeside({ path }: Pick<BackupInfo, 'path'>): Pick<BlockStore, 'backupDir'> {
  return { backupDir: dirname(dirname(path)) }
}

/** A file system's own, which root alone may list: what a repair of it finds there has names that are none of ours. */
const FOUND_BY_FSCK = 'lost+found'

/**
 * The files of all restore points, of every database, whether or not they have metadata; those in directories of other names
 * than types have, too: somebody has moved them there, and means to keep them. Throws where this user may not look: what
 * relies on which packs is not known then.
 */
export async function restorePointsIn(backupDir: string): Promise<string[]> {
  const found: string[] = []
  const isMeant = (name: string): boolean =>
    !name.startsWith('.') && !RESERVED_DIRECTORIES.includes(name) && name !== FOUND_BY_FSCK
  for (const each of (await namesIn(backupDir)).filter(isMeant)) {
    const directory = join(backupDir, each)
    for (const name of await namesIn(directory)) if (isRestorePoint(name)) found.push(join(directory, name))
  }
  return found.toSorted()
}

/** A file of ours as an image of pages. */
export function readableFile({ fd, path, size }: RawFile, pageSize: number): ReadableImage {
  const pageCount = pageSize === 0 ? 0 : size / pageSize
  return readableImage({ path, mainFd: fd, pageSize, pageCount, wal: null })
}

export function readableImage(image: Image): ReadableImage {
  const { pageSize, pageCount } = image
  return { pageSize, pageCount, read: (into, position) => readImageRun(image, into, position) }
}

export async function* inOnePiece(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

function isRestorePoint(name: string): boolean {
  return name.endsWith(SUFFIXES.blocks) && parseFilename(name) !== null
}
