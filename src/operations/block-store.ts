import { dirname, join } from 'node:path'
import type { BlockStore } from '../blocks/store.ts'
import type { ReadableImage } from '../blocks/scan-image.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { SUFFIXES } from '../catalog/encodings.ts'
import { typeDirectory } from '../catalog/layout.ts'
import { isType, parseFilename } from '../catalog/names.ts'
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

/** The files of all restore points, of every database, whether or not they have metadata. */
export async function restorePointsIn(backupDir: string): Promise<string[]> {
  const found: string[] = []
  for (const type of (await namesIn(backupDir)).filter(isType)) {
    const directory = typeDirectory(backupDir, type)
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
