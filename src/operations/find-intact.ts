import type { BackupInfo, CheckLevel } from '../catalog/backup-info.ts'
import { findBackup } from '../catalog/find.ts'
import { BackupError } from '../errors.ts'
import { openIfThere } from '../snapshot/source-files.ts'
import { checkStored, type Expected } from './check-stored.ts'
import { begin, bytesOf, type Context } from './context.ts'

/** The backup that a user means, in a form that can be read here. Throws `BACKUP_NOT_FOUND` or `BACKUP_UNSUPPORTED`. */
export async function findReadable(wanted: string, context: Context): Promise<BackupInfo> {
  const { settings } = context
  begin(context, 'find-backup')
  const backup = await findBackup(settings.backupDir, settings.name, wanted)
  if (backup.encoding === 'plain') {
    await requireWhole(backup)
    return backup
  }
  throw new BackupError(
    'BACKUP_UNSUPPORTED',
    `This version cannot read the encoding ${backup.encoding}: ${backup.path}`,
    {
      hint: 'Decode it first (see docs/formats.md), then give the path of the decoded file.',
      path: backup.path,
    },
  )
}

/** A database in use, or left by a killed program, is no backup: its newest content is in the file beside it. */
async function requireWhole({ path, metadata }: BackupInfo): Promise<void> {
  if (metadata !== null) return // Its checksum tells.
  for (const beside of [`${path}-wal`, `${path}-journal`]) {
    using file = openIfThere(beside)
    if (file === null || file.size === 0) continue
    throw new BackupError(
      'BACKUP_UNSUPPORTED',
      `Not a backup but a database, with content in ${beside}: ${path}`,
      {
        hint: 'Make a backup of that database with chame-backup create, and restore the backup.',
        path,
      },
    )
  }
}

/**
 * Verifies the stored backup; returns its checksum. Throws `METADATA_INVALID` or `BACKUP_DAMAGED` unless it is
 * what was stored.
 */
export async function requireIntact(
  backup: BackupInfo,
  level: CheckLevel,
  context: Context,
): Promise<string> {
  if (backup.metadataState === 'invalid') {
    throw new BackupError(
      'METADATA_INVALID',
      `The backup's metadata cannot be read (${backup.metadataProblem}): ${backup.path}`,
      {
        hint: 'Without it nothing says what the file should be. If you trust the file, move its metadata away: a backup without metadata can be verified and restored.',
        path: backup.path,
      },
    )
  }
  begin(context, 'verify-backup')
  const { problems, checksum } = await checkStored(
    backup.path,
    { level, expected: expectedOf(backup), countRows: false },
    context,
    bytesOf(context, 'verify-backup'),
  )
  if (problems.length === 0) return checksum
  throw new BackupError('BACKUP_DAMAGED', `The backup is damaged (${problems[0]?.message}): ${backup.path}`, {
    hint: 'Nothing was changed. Choose another backup: chame-backup list, then chame-backup verify <file>.',
    path: backup.path,
  })
}

/** What the metadata says that the stored file should be. */
export function expectedOf({ metadata }: BackupInfo): Expected {
  return { sizeBytes: metadata?.file_size ?? null, checksum: metadata?.checksum ?? null }
}
