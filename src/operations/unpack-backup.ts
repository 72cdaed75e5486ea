/** The database that a backup holds, in a file of its own: for somebody who wants its bytes, and restores nothing here. */
import { copyWhole } from '../snapshot/copy-file.ts'
import { moveWithin } from '../storage/put-in-place.ts'
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
  if (!image.isOurs || !(await moveWithin(image.path, to))) await copyWhole(image.path, to, context.signal)
  return { success: true, checksum: image.checksum }
}
