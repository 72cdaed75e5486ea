/** The database that a backup holds, in a file of its own: for somebody who wants its bytes, and restores nothing here. */
import { copyFile, constants, rename } from 'node:fs/promises'
import { during } from '../storage/io-errors.ts'
import { begin, type Context } from './context.ts'
import type { BackupUnpacked, UnpackBackupRequest } from './file-reports.ts'
import { findReadable, openIntact } from './find-intact.ts'

/**
 * Writes the image of a backup into a new file of ours, once it is proven to be what was stored. The file is not flushed: it
 * is as short-lived as the download that it is for. Throws `BACKUP_DAMAGED`, `KEY_REQUIRED`, `KEY_WRONG`.
 */
export async function unpackBackup(
  { backup: wanted, to }: UnpackBackupRequest,
  context: Context,
): Promise<BackupUnpacked> {
  const backup = await findReadable({ backup: wanted }, context)
  await using image = await openIntact(backup, { level: 'none' }, context)
  begin(context, 'copy-image')
  await during('write', to, async () => {
    if (image.isOurs && (await isMoved(image.path, to))) return
    await copyFile(image.path, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  })
  return { success: true, checksum: image.checksum }
}

/** False where they are on two file systems. */
async function isMoved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EXDEV') return false
    throw error
  }
}
