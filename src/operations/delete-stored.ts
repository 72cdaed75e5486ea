/**
 * Deleting a stored backup so that it is there as a whole or not at all, whenever somebody is killed: its metadata
 * is renamed to a mark, then the image goes, then the mark. Whoever deletes next finishes what has a mark.
 */
import { dirname } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import {
  deletingPath,
  halfDeleted,
  imagePath,
  isWhatWasDeleted,
  type StoredImage,
} from '../catalog/deleting.ts'
import { metadataPath } from '../catalog/layout.ts'
import { isThere, removeFile, renameDurably, syncDirectory } from '../storage/durable.ts'
import { begin, type Context, durabilityOf } from './context.ts'

/**
 * Deletes a backup of this backup directory, for good. The caller holds the catalog's lock, has listed the backup
 * under it, and has seen to it that it may go. When the image cannot be removed the backup is whole again, and
 * the error thrown.
 */
export async function deleteStored(backup: BackupInfo, context: Context): Promise<void> {
  const { backupDir } = context.settings
  // Metadata is found by the file's name; that of a copy in another type's directory is its original's.
  const isOthers = backup.metadata !== null && backup.metadata.backup_type !== backup.type
  if (backup.metadataState === 'missing' || isOthers) {
    begin(context, 'delete-image')
    return await removeDurably(backup.path, context)
  }
  begin(context, 'mark-deleted')
  try {
    const mark = deletingPath(backupDir, backup)
    await renameDurably(metadataPath(backupDir, backup.filename), mark, durabilityOf(context))
    begin(context, 'delete-image')
    await removeDurably(backup.path, context)
  } catch (error) {
    await takeBack(backup, context).catch(() => {})
    throw error
  }
  await removeMark(backup, context)
}

/**
 * Finishes the deletions that killed runs have begun; returns the file names. For holders of the catalog's lock.
 * Where the image cannot be removed, or is not surely the one that was being deleted, the backup gets its metadata
 * back instead.
 */
export async function finishDeletions(context: Context): Promise<string[]> {
  begin(context, 'finish-deletions')
  const finished: string[] = []
  for (const image of await halfDeleted(context.settings.backupDir)) {
    try {
      if (await finishDeletion(image, context)) finished.push(image.filename)
    } catch {
      await takeBack(image, context).catch(() => {})
    }
  }
  return finished
}

/** False when it gave the backup its metadata back. */
async function finishDeletion(image: StoredImage, context: Context): Promise<boolean> {
  const { backupDir } = context.settings
  const path = imagePath(backupDir, image)
  if (await isThere(path)) {
    if (!(await isWhatWasDeleted(backupDir, image))) {
      await takeBack(image, context)
      return false
    }
    await removeDurably(path, context)
  }
  await removeMark(image, context)
  return true
}

/** Last of all: it says of an image without metadata that it is to go. */
async function removeMark(image: StoredImage, context: Context): Promise<void> {
  begin(context, 'delete-metadata')
  await removeDurably(deletingPath(context.settings.backupDir, image), context)
}

/** Makes the image a backup again, unless it is gone, or has got other metadata meanwhile. */
async function takeBack(image: StoredImage, context: Context): Promise<void> {
  const { backupDir } = context.settings
  if (!(await isThere(imagePath(backupDir, image)))) return
  const mark = deletingPath(backupDir, image)
  const path = metadataPath(backupDir, image.filename)
  if (await isThere(path)) await removeDurably(mark, context)
  else await renameDurably(mark, path, durabilityOf(context))
}

async function removeDurably(path: string, context: Context): Promise<void> {
  await removeFile(path)
  await syncDirectory(dirname(path), durabilityOf(context))
}
