import { resolve } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { LastDrill } from '../catalog/metadata.ts'
import { WorkDirectory } from '../catalog/work-directory.ts'
import { BackupError, throwIfCancelled, toFailure } from '../errors.ts'
import { isThere, makeDirectory, requireSpace } from '../storage/durable.ts'
import { checkStored } from './check-stored.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import { doubtPacksOf } from './doubt-packs.ts'
import { judgeDrill, type Restored } from './drill/judge.ts'
import { editStoredMetadata } from './edit-stored-metadata.ts'
import { findReadable } from './find-intact.ts'
import { expectedImageOf, imageBytes } from './image-facts.ts'
import type { BackupDrilled, DrillBackupRequest, DrillCheck } from './reports.ts'
import { requireDirectory } from './require-directory.ts'
import { restoreBackup } from './restore-backup.ts'
import { judged } from './trust.ts'
import { verifyBackup } from './verify-backup.ts'

/** Room for the scratch directory itself, and what the file system takes. */
const SPACE_RESERVE_BYTES = 1 << 20
const NO_DIRECTORY_HINT =
  'Choose another with --scratch (scratchDir), or make it first. Without one it is the backup directory.'
const NO_SPACE_HINT = 'Free some space there, or restore elsewhere with --scratch (scratchDir).'

/**
 * Proves that a backup can be restored by restoring it, as `restoreBackup` does, into a private directory that
 * is removed afterwards, and by checking there what came out. Never touches the protected database. A backup that
 * cannot be restored is the answer, not a failure. The result is noted in the backup's metadata, and damage as a
 * verification notes it.
 */
export async function drillBackup(
  request: DrillBackupRequest & { readonly backup: string },
  context: Context,
): Promise<BackupDrilled> {
  const started = performance.now()
  const backup = await findReadable(request, context)
  const scratchDir = await findScratchDir(request, context)
  const { restored, scratchDirectory } = await restoreInto(
    scratchDir,
    { backup, identity: request.identity, acceptUnsigned: request.acceptUnsigned },
    context,
  )
  const isRemoved = !(await isThere(scratchDirectory))
  const { status, checks, rowCounts } = judgeDrill(backup, restored)
  const durationMs = Math.round(performance.now() - started)
  const drill: LastDrill = {
    at: context.now().toISOString(),
    passed: status === 'passed',
    duration_ms: durationMs,
  }
  const notes = isRemoved ? [] : [`The scratch directory could not be removed: ${scratchDirectory}`]
  const isDamaged = checks.some(({ name, status: found }) => found === 'failed' && OF_DAMAGE.has(name))
  const recorded = await record(backup, { drill, isDamaged, identity: request.identity }, notes, context)
  if (status === 'failed') await doubtPacksOf(backup, context)
  return {
    success: true,
    status,
    backup: judged(recorded ?? backup, context),
    checks,
    rowCounts,
    integrity: {
      level: 'full',
      problems: restored.stored?.problems ?? [],
      unchecked: restored.stored?.unchecked ?? [],
    },
    bytes: restored.stored?.sizeBytes ?? 0,
    restoreMs: restored.restoreMs,
    durationMs,
    scratchDirectory,
    scratchRemoved: isRemoved,
    recorded: recorded !== null,
    notes,
  }
}

/** The backup directory need not be there yet, on a bare machine that has its backups at a target. */
async function findScratchDir({ scratchDir }: DrillBackupRequest, context: Context): Promise<string> {
  const { backupDir, directoryMode } = context.settings
  const directory = resolve(scratchDir ?? backupDir)
  if (scratchDir !== undefined) await requireDirectory(directory, 'to restore into', NO_DIRECTORY_HINT)
  else await makeDirectory(directory, directoryMode, durabilityOf(context))
  return directory
}

interface DrillOrder {
  readonly backup: BackupInfo
  readonly identity: string | undefined
  readonly acceptUnsigned: boolean | undefined
}

async function restoreInto(
  scratchDir: string,
  order: DrillOrder,
  context: Context,
): Promise<{ readonly restored: Restored; readonly scratchDirectory: string }> {
  begin(context, 'remove-leftovers')
  await using work = await WorkDirectory.open(scratchDir, context.signal)
  begin(context, 'check-space')
  await requireSpace(scratchDir, imageBytes(order.backup) + SPACE_RESERVE_BYTES, 'the drill', NO_SPACE_HINT)
  const restored = await restoreAndCheck(order, work.file('restored.db'), context)
  throwIfCancelled(context.signal)
  begin(context, 'remove-scratch')
  return { restored, scratchDirectory: work.path }
}

async function restoreAndCheck(
  { backup, identity, acceptUnsigned }: DrillOrder,
  path: string,
  context: Context,
): Promise<Restored> {
  const started = performance.now()
  try {
    await restoreBackup(
      {
        backup: backup.path,
        to: path,
        ...(backup.target === null ? {} : { target: backup.target }),
        ...(identity === undefined ? {} : { identity }),
        ...(acceptUnsigned === undefined ? {} : { acceptUnsigned }),
      },
      context,
    )
  } catch (thrown) {
    const error = reasonOf(thrown)
    if (!isAboutBackup(error)) throw error
    return { failure: toFailure(error), restoreMs: null, stored: null }
  }
  const restoreMs = Math.round(performance.now() - started)
  begin(context, 'check-restored')
  const order = { level: 'full', expected: expectedImageOf(backup), countRows: true } as const
  const stored = await checkStored(path, order, context, bytesOf(context, 'check-restored'))
  return { failure: null, restoreMs, stored }
}

/** A restore that failed for a reason of its own, and not by what it compared, could not flush the scratch directory. */
function reasonOf(error: unknown): unknown {
  const isOfScratch = error instanceof BackupError && error.code === 'RESTORE_FAILED'
  return isOfScratch ? (error.cause ?? error) : error
}

/** Whether the restore failed for the backup's sake; for want of space or rights it would be no verdict on it. */
function isAboutBackup(error: unknown): error is BackupError {
  return (
    error instanceof BackupError &&
    (error.code === 'BACKUP_DAMAGED' ||
      error.code === 'OBJECT_DAMAGED' ||
      error.code === 'METADATA_INVALID' ||
      error.code === 'BACKUP_UNTRUSTED' ||
      error.code === 'RESTORE_FAILED')
  )
}

/** What fails where the stored backup is damaged, and not a disk that it was restored to. */
const OF_DAMAGE: ReadonlySet<DrillCheck['name']> = new Set(['stored-file', 'integrity'])

interface Noted {
  readonly drill: LastDrill
  readonly isDamaged: boolean
  readonly identity: string | undefined
}

/** The drill has happened, whether that can be written down or not. */
async function record(
  backup: BackupInfo,
  { drill, isDamaged, identity }: Noted,
  notes: string[],
  context: Context,
): Promise<BackupInfo | null> {
  try {
    if (isDamaged) await noteDamage(backup, identity, context)
    return await editStoredMetadata(backup, () => ({ last_drill: drill }), context)
  } catch (error) {
    if (!(error instanceof BackupError) || error.code === 'CANCELLED') throw error
    notes.push(`The result could not be noted in the backup's metadata: ${error.message}`)
    return null
  }
}

/** Nothing is to count on it any more. A second look tells whether it was stored so, and no copy is better. */
async function noteDamage(
  { path, target }: BackupInfo,
  identity: string | undefined,
  context: Context,
): Promise<void> {
  await verifyBackup(
    {
      backup: path,
      record: true,
      ...(target === null ? {} : { target }),
      ...(identity === undefined ? {} : { identity }),
    },
    context,
  )
}
