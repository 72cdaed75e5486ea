/**
 * Writing an image into a database that others may have open: through SQLite's backup API, as one
 * transaction. Open connections see the old content or the new; a crash is rolled back by the next to
 * open the database.
 */
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { PinnedFiles, walIndexOf } from '../snapshot/open-image.ts'
import { readHeaderOf } from '../snapshot/source-files.ts'
import { SQLITE } from '../snapshot/sqlite-failure.ts'
import type { ApplyOutcome } from '../sqlite/requests.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import { syncDirectory, syncFile } from '../storage/durable.ts'
import { compareImage } from './compare-image.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import type { BackupRestored } from './reports.ts'

/** Between two tries for a target that another connection is writing. */
const RETRY_MS = 20

/** What a restore did, as both ways of doing it report. */
export interface Applied {
  readonly comparison: BackupRestored['comparison']
  readonly journalMode: string
  readonly notes: readonly string[]
}

/** Set once the target's content may have changed in a way that SQLite alone does not undo. */
export interface Touched {
  isTouched: boolean
}

/** Writes the image at `source` into the database and compares the result. Used by the restore and by its undoing. */
export async function writeAndCompare(
  source: string,
  target: string,
  touched: Touched,
  context: Context,
): Promise<Applied> {
  const { sqlite, signal, settings } = context
  begin(context, 'apply-image')
  const before = await sqlite.ask('openTarget', { path: target, waitMs: settings.waitForLockMs }, { signal })
  const wanted = readHeaderOf(source)
  // SQLite cannot change the page size of a database in WAL mode.
  const isOtherSize = wanted !== null && wanted.pageSize !== before.pageSize
  if (before.journalMode === 'wal' && (isOtherSize || hasWalResetBug(before.sqliteVersion))) {
    await leaveWal(touched, context)
  }
  const outcome = await applyWhenFree(source, touched, context)

  const comparison = settings.disposable
    ? 'not-compared'
    : await compareWithTarget(source, target, outcome, context)
  begin(context, 'settle-target')
  const wantedMode = wanted?.isWal === true ? 'wal' : 'delete'
  const { journalMode } = await sqlite.ask('settleTarget', { journalMode: wantedMode }, { signal })
  // SQLite removes the journal, and cuts the file, without flushing: after a power cut the journal would be back.
  await syncFile(target, durabilityOf(context))
  await syncDirectory(dirname(target), durabilityOf(context))
  const isKept = (journalMode === 'wal') !== (wantedMode === 'wal')
  return {
    comparison,
    journalMode,
    notes: isKept
      ? [
          `The journal mode stays ${journalMode}, because another program has the database open; the backup's is ${wantedMode}.`,
        ]
      : [],
  }
}

/** The one change that SQLite does not undo by itself when the restore goes no further. */
async function leaveWal(touched: Touched, { sqlite, signal }: Context): Promise<void> {
  touched.isTouched = true
  try {
    await sqlite.ask('leaveWal', {}, { signal })
  } catch (error) {
    if (error instanceof SqliteError) touched.isTouched = false
    throw error
  }
}

/** Tries until nobody else holds the target. SQLite undoes a try that it refused, so the target is untouched then. */
async function applyWhenFree(source: string, touched: Touched, context: Context): Promise<ApplyOutcome> {
  const { sqlite, signal, settings } = context
  const deadline = Date.now() + settings.waitForLockMs
  const wasTouched = touched.isTouched
  for (;;) {
    touched.isTouched = true
    try {
      return await sqlite.ask('apply', { source }, { signal, onBytes: bytesOf(context, 'apply-image') })
    } catch (error) {
      if (error instanceof SqliteError) touched.isTouched = wasTouched
      const isBusy =
        error instanceof SqliteError &&
        (error.primaryCode === SQLITE.BUSY || error.primaryCode === SQLITE.LOCKED)
      if (!isBusy || Date.now() > deadline) throw error
    }
    await sleep(RETRY_MS)
    throwIfCancelled(signal)
  }
}

/**
 * Compares under a read transaction. A difference is the restore's fault only if nobody has committed
 * since; the commit counter says so.
 */
async function compareWithTarget(
  source: string,
  target: string,
  { commitCounter, isCounterInWalIndex }: ApplyOutcome,
  context: Context,
): Promise<Applied['comparison']> {
  const { sqlite, signal } = context
  begin(context, 'compare-target')
  // Most of it is in the main file then, and need not be read from a WAL as large as the database.
  await sqlite.ask('checkpointTarget', {}, { signal })
  const facts = await sqlite.ask('beginTargetRead', {}, { signal })
  try {
    using files = new PinnedFiles(target, facts, walIndexOf(facts))
    const image = await files.loadImage(signal)
    if (await compareImage(image, source, { signal, onBytes: bytesOf(context, 'compare-target') }))
      return 'equal'
    // A WAL that came with the image is new; any commit in it is somebody else's.
    const isNewWalUsed = !isCounterInWalIndex && files.index !== null && files.index.maxFrame > 0
    const counter = isCounterInWalIndex ? files.index?.changeCounter : files.changeCounter
    if (isNewWalUsed || (commitCounter !== null && counter !== commitCounter)) return 'changed-since'
  } finally {
    if (sqlite.isRunning) await sqlite.ask('endTargetRead', {})
  }
  throw new BackupError('RESTORE_FAILED', `The restored database differs from the backup: ${target}`, {
    hint: 'The disk or the memory of this machine may be failing. Check it before you try again.',
    path: target,
  })
}

/**
 * SQLite 3.7.0 to 3.51.2 can corrupt a database in WAL mode that others write while it is checkpointed
 * (sqlite.org/wal.html, "the WAL-reset bug"). Older versions of Node 24 carry such a version.
 */
export function hasWalResetBug(sqliteVersion: string): boolean {
  const [major = 0, minor = 0, patch = 0] = sqliteVersion.split('.').map(Number)
  return major === 3 && (minor < 51 || (minor === 51 && patch < 3))
}
