/**
 * The mark of a deletion under way: the backup's metadata under another name, beside where it was. So one rename
 * makes a backup none, and what a killed deletion leaves is told from a file that somebody copied in without metadata.
 */
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { namesIn } from '../storage/durable.ts'
import { unlessMissing } from '../storage/io-errors.ts'
import { metadataDirectory, metadataPath, typeDirectory } from './layout.ts'
import { isType, parseFilename } from './names.ts'
import { readMetadata } from './read-metadata.ts'

/** A stored image, by the directory that it lies in and its name. */
export interface StoredImage {
  readonly type: string
  readonly filename: string
}

const MARK = /^(?<filename>.+)\.json\.deleting-(?<type>[a-z][a-z0-9_]*)$/

/** Names the type, because the metadata itself may not be readable. */
export function deletingPath(backupDir: string, { type, filename }: StoredImage): string {
  return `${metadataPath(backupDir, filename)}.deleting-${type}`
}

export function imagePath(backupDir: string, { type, filename }: StoredImage): string {
  return join(typeDirectory(backupDir, type), filename)
}

/** The deletions that killed runs have left half done. */
export async function halfDeleted(backupDir: string): Promise<StoredImage[]> {
  const names = await namesIn(metadataDirectory(backupDir))
  return names.flatMap(name => {
    const { filename = '', type = '' } = MARK.exec(name)?.groups ?? {}
    return parseFilename(filename) !== null && isType(type) ? [{ filename, type }] : []
  })
}

/**
 * Whether the image is still the one whose deletion was begun: as large as its metadata says, and not put there
 * since. The time of the last change of a file's inode follows every copy and rename and cannot be set.
 */
export async function isWhatWasDeleted(backupDir: string, image: StoredImage): Promise<boolean> {
  const mark = deletingPath(backupDir, image)
  const path = imagePath(backupDir, image)
  const [marked, stored] = await Promise.all([changeOf(mark), changeOf(path)])
  if (marked === null || stored === null || stored.at > marked.at) return false
  const { metadata } = await readMetadata(mark)
  return metadata === null || BigInt(metadata.file_size) === stored.size
}

async function changeOf(path: string): Promise<{ readonly at: bigint; readonly size: bigint } | null> {
  const stats = await unlessMissing(path, () => stat(path, { bigint: true }))
  return stats === null ? null : { at: stats.ctimeNs, size: stats.size }
}

/** The image that a path in a backup directory names; null when it lies elsewhere. */
export function imageAt(backupDir: string, path: string): StoredImage | null {
  const type = basename(dirname(path))
  const filename = basename(path)
  const isInside = dirname(dirname(path)) === backupDir && isType(type) && parseFilename(filename) !== null
  return isInside ? { type, filename } : null
}
