import { dirname, resolve } from 'node:path'
import type { BackupInfo, CheckLevel } from '../catalog/backup-info.ts'
import { CatalogLock } from '../catalog/lock.ts'
import { nameOfPath, PRE_RESTORE } from '../catalog/names.ts'
import { removeLeftovers } from '../catalog/staging.ts'
import { BackupError } from '../errors.ts'
import { isThere } from '../storage/durable.ts'
import { applyAsTransaction } from './apply-transaction.ts'
import { begin, type Context } from './context.ts'
import { prepareDirectories } from './create-backup.ts'
import { findReadable, type IntactImage, openIntact } from './find-intact.ts'
import { wasChecked } from './image-facts.ts'
import { discardKept, keepCurrent, type KeptState } from './keep-current.ts'
import { replaceTarget } from './replace-target.ts'
import type { BackupRestored, RestoreBackupRequest, RestorePlan } from './reports.ts'
import {
  inspectTarget,
  isTargetThere,
  realTarget,
  requireRestoreSpace,
  restoreSpace,
  takesDecoded,
  type Target,
  wayFor,
} from './restore-target.ts'
import { requireTrusted } from './trust.ts'
import type { Applied } from './write-image.ts'

type Request = RestoreBackupRequest & { readonly backup: string }

/**
 * Restores a backup, all or nothing. The backup is verified before the target is touched, what is there
 * now is backed up, the result is compared with the backup's image. Killed at any instant, the target is
 * the old database or the new one.
 */
export async function restoreBackup(
  request: Request,
  context: Context,
): Promise<BackupRestored | RestorePlan> {
  const started = performance.now()
  const { settings, signal } = context
  const path = resolve(request.to ?? settings.path)
  if (request.dryRun === true) return planRestore(request, path, started, context)
  await requireConfirmation(request, path)

  const backup = await findTrusted(request, context)
  await requireOtherFile(backup, path)
  await prepareDirectories(PRE_RESTORE, context)
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(settings.backupDir, { waitMs: settings.waitForLockMs, signal })
  begin(context, 'remove-leftovers')
  await removeLeftovers(settings.backupDir, [dirname(await realTarget(path))])
  await requireStillThere(backup)
  const level = settings.disposable ? 'none' : levelFor(request, backup)
  const isToStay = await takesDecoded(path, context)
  await using image = await openIntact(backup, { level, identity: request.identity, isToStay }, context)

  begin(context, 'inspect-target')
  const target = await inspectTarget(path, context)
  begin(context, 'check-space')
  await requireRestoreSpace(backup, target, context)
  begin(context, 'pre-restore-backup')
  const kept = await keepCurrent(backup, target, context)
  const applied = await apply({ backup, image, target, kept }, context)
  return {
    success: true,
    dryRun: false,
    backup,
    targetPath: path,
    way: wayFor(target),
    preRestoreBackup: kept.backup,
    keptFiles: kept.files,
    ...applied,
    durationMs: Math.round(performance.now() - started),
  }
}

/** What its metadata says is signed, and from now on believed: that the file is as it says is checked when it is read. */
async function findTrusted(request: Request, context: Context): Promise<BackupInfo> {
  const backup = await findReadable(request, context)
  const { acceptUnsigned } = request
  await requireTrusted(backup, { acceptUnsigned, isLatest: request.backup === 'latest' }, context)
  return backup
}

/** What has the checksum of something that was checked has been checked itself. */
function levelFor({ check = 'quick' }: Request, backup: BackupInfo): CheckLevel {
  const { metadata, checksum } = backup
  const isProven = checksum !== null && metadata?.verified_at != null && wasChecked(backup)
  return check === 'none' && !isProven ? 'quick' : check
}

interface Prepared {
  readonly backup: BackupInfo
  readonly image: IntactImage
  readonly target: Target
  readonly kept: KeptState
}

async function apply({ backup, image, target, kept }: Prepared, context: Context): Promise<Applied> {
  try {
    if (wayFor(target) === 'replace') return await replaceTarget({ backup, image }, target, kept, context)
    return await applyAsTransaction(image, target, kept, context)
  } catch (error) {
    // The database is as it was, so the copy of it is of no use; after any other failure it may be.
    if (error instanceof BackupError && error.code === 'CANCELLED') await discardKept(kept, context)
    throw error
  }
}

/** Everything up to touching something: so the plan says what a restore would really meet. */
async function planRestore(
  request: Request,
  path: string,
  started: number,
  context: Context,
): Promise<RestorePlan> {
  const backup = await findTrusted(request, context)
  await requireOtherFile(backup, path)
  const image = await openIntact(
    backup,
    { level: levelFor(request, backup), identity: request.identity },
    context,
  )
  await image[Symbol.asyncDispose]()
  begin(context, 'inspect-target')
  const target = await inspectTarget(path, context)
  return {
    success: true,
    dryRun: true,
    backup,
    database: request.to === undefined ? context.settings.name : nameOfPath(path),
    targetPath: path,
    target: target.state,
    targetSizeBytes: target.sizeBytes,
    way: wayFor(target),
    neededBytes: restoreSpace(backup, target).totalBytes,
    preRestoreBackup: target.state === 'database' && !context.settings.disposable,
    durationMs: Math.round(performance.now() - started),
  }
}

/** A restore to a path where nothing is overwrites nothing; the protected database always needs confirmation. */
async function requireConfirmation(request: Request, path: string): Promise<void> {
  if (request.confirm === true) return
  if (request.to !== undefined && !(await isTargetThere(path))) return
  throw new BackupError('RESTORE_NOT_CONFIRMED', 'Restore not confirmed', {
    hint: `It would overwrite ${path}. Confirm with --confirm (confirm: true), or restore elsewhere with --to <path> (to).`,
    path,
  })
}

/** While this waited for the lock, somebody may have deleted it. At a target nobody is kept from that. */
async function requireStillThere({ target, path }: BackupInfo): Promise<void> {
  if (target !== null || (await isThere(path))) return
  throw new BackupError('BACKUP_NOT_FOUND', `The backup was deleted meanwhile: ${path}`, {
    hint: 'Choose another one: chame-backup list.',
    path,
  })
}

/** Restoring a file over itself would at best do nothing, and drop what is in its WAL. */
async function requireOtherFile(backup: BackupInfo, path: string): Promise<void> {
  if (backup.target !== null || (await realTarget(backup.path)) !== (await realTarget(path))) return
  throw new BackupError(
    'INVALID_ARGUMENT',
    `The backup and what it would be restored over are one file: ${path}`,
    {
      hint: 'Name a backup: chame-backup list shows them.',
      path,
    },
  )
}
