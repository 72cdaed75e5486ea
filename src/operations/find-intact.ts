import type { BackupInfo } from '../catalog/backup-info.ts'
import { BackupError } from '../errors.ts'
import { openIfThere } from '../snapshot/source-files.ts'
import { during } from '../storage/io-errors.ts'
import { targetOf } from '../storage/looks.ts'
import { begin, type Context } from './context.ts'
import { findStored, otherCopy, type Wanted } from './find-stored.ts'
import type { VerifyProblem } from './reports.ts'
import { type OpenOrder, openStoredImage } from './stored-image.ts'

/** The backup that a user means. Throws `BACKUP_NOT_FOUND`, or `BACKUP_UNSUPPORTED` for a database in use. */
export async function findReadable(wanted: Wanted, context: Context): Promise<BackupInfo> {
  begin(context, 'find-backup')
  const backup = await findStored(wanted, context)
  if (backup.encoding === 'plain') await requireWhole(backup)
  return backup
}

async function requireWhole({ target, path, metadata }: BackupInfo): Promise<void> {
  if (metadata !== null || target !== null) return // Its checksum tells.
  await requireNothingBeside(path)
}

/**
 * A database in use, or left by a killed program, is no backup: its newest content is in the file beside it. Throws
 * `BACKUP_UNSUPPORTED` for one.
 */
export async function requireNothingBeside(path: string): Promise<void> {
  // SQLite's side files lie where a link leads.
  const real = (await during('read', path, () => targetOf(path)))?.path ?? path
  for (const beside of [`${real}-wal`, `${real}-journal`]) {
    using file = openIfThere(beside)
    if (file === null || file.size === 0) continue
    throw new BackupError(
      'BACKUP_UNSUPPORTED',
      `Not a backup but a database, with content in ${beside}: ${path}`,
      {
        hint: 'Make a backup of that database with chame-backup create, and take the backup.',
        path,
      },
    )
  }
}

/** The image of a backup that is what was stored. */
export interface IntactImage extends AsyncDisposable {
  /** A plain file that nobody writes; what was decoded for it is removed when it is disposed of. */
  readonly path: string
  /** Whether it was made for this, so that it may be moved away. */
  readonly isOurs: boolean
  /** SHA-256 that it was verified with, hex. */
  readonly checksum: string
}

/**
 * Verifies the stored backup and opens its image. Throws `METADATA_INVALID`, `BACKUP_DAMAGED` or, at a target, `OBJECT_DAMAGED` unless
 * it is what was stored, `KEY_REQUIRED` or `KEY_WRONG` for one that is encrypted.
 */
export async function openIntact(
  backup: BackupInfo,
  order: OpenOrder,
  context: Context,
): Promise<IntactImage> {
  requireMetadataReadable(backup)
  begin(context, 'verify-backup')
  const opened = await openStoredImage(backup, order, context)
  const { path, isOurs, imageChecksum: checksum, problems } = opened
  if (path !== null && problems.length === 0)
    return { path, isOurs, checksum, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
  await opened[Symbol.asyncDispose]()
  throw damagedBackup(backup, problems)
}

export function damagedBackup(
  { target, path, filename, copies }: BackupInfo,
  problems: readonly VerifyProblem[],
): BackupError {
  const problem = problems[0]?.message
  if (target !== null) {
    return new BackupError(
      'OBJECT_DAMAGED',
      `What is stored at the target ${target} is not what was copied there (${problem}): ${path}`,
      {
        hint: `Nothing was changed. Choose another backup: chame-backup list --target ${target}. If the backup directory or another target has it, it is copied anew after: chame-backup verify ${filename} --target ${target} --record; chame-backup sync`,
      },
    )
  }
  const next =
    copies.length > 0
      ? `${otherCopy(copies, filename)} It is brought back with: chame-backup repair ${filename}`
      : 'Choose another backup: chame-backup list, then chame-backup verify <file>.'
  return new BackupError('BACKUP_DAMAGED', `The backup is damaged (${problem}): ${path}`, {
    hint: `Nothing was changed. ${next}`,
    path,
  })
}

function requireMetadataReadable({ metadataState, metadataProblem, path }: BackupInfo): void {
  if (metadataState !== 'invalid') return
  throw new BackupError(
    'METADATA_INVALID',
    `The backup's metadata cannot be read (${metadataProblem}): ${path}`,
    {
      hint: 'Without it nothing says what the file should be. If you trust the file, move its metadata away: a backup without metadata can be verified and restored.',
      path,
    },
  )
}
