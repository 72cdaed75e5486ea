/**
 * Writing an image into a database that others may have open: through SQLite's backup API, as one
 * transaction. Open connections see the old content or the new; a crash is rolled back by the next to
 * open the database.
 */
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { hashFile } from '../snapshot/hash.ts'
import { unlessDiskFails } from '../snapshot/read-through.ts'
import { RawFile, readHeaderOf } from '../snapshot/source-files.ts'
import { SQLITE } from '../snapshot/sqlite-failure.ts'
import type { ApplyOutcome, SqliteRequests, TargetFacts } from '../sqlite/requests.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import { syncDirectory, syncFile } from '../storage/durable.ts'
import { holds, stateAfter } from './look-at-target.ts'
import { begin, bytesOf, type Context, durabilityOf, withoutCancelling } from './context.ts'
import type { BackupRestored } from './reports.ts'

/** Between two tries for a target that another connection is writing. */
const RETRY_MS = 20

/** What a restore did, as both ways of doing it report. */
export interface Applied {
  readonly comparison: BackupRestored['comparison']
  readonly journalMode: string
  readonly notes: readonly string[]
}

/** An image to write: a stored file that was verified. */
export interface Source {
  readonly path: string
  /** SHA-256 that it was verified with, hex; null when there is none to hold it to. */
  readonly checksum: string | null
}

/**
 * How far the target was touched, for whoever has to undo it. `left-wal`: only its journal mode changed.
 * `unknown`: the transaction was begun and never answered. `committed`: it holds the new image.
 */
export interface Touched {
  state: 'untouched' | 'left-wal' | 'unknown' | 'committed'
  /** How the commit can be told from those of others; null until there is one. */
  outcome: ApplyOutcome | null
  /** What it was in before. */
  journalMode: 'wal' | 'delete'
}

export function untouched(): Touched {
  return { state: 'untouched', outcome: null, journalMode: 'delete' }
}

/**
 * Writes an image into the database and compares the result. Used by the restore and by its undoing. After the
 * commit it is too late to cancel: others may have committed onto the new content already.
 */
export async function writeAndCompare(
  source: Source,
  target: string,
  touched: Touched,
  context: Context,
): Promise<Applied> {
  begin(context, 'apply-image')
  const before = await openTarget(target, context)
  touched.journalMode = before.journalMode === 'wal' ? 'wal' : 'delete'
  await readyFor(source.path, target, { before, touched }, context)
  return await writeIntoOpen(source, target, { touched, onto: null }, context)
}

/** A database that is open to be written into, and what is done to it. */
export interface Opened {
  readonly before: TargetFacts
  readonly touched: Touched
}

/** Takes the open target out of WAL mode, where the image cannot be written otherwise; answers whether it did. */
export async function readyFor(
  image: string,
  target: string,
  { before, touched }: Opened,
  context: Context,
): Promise<boolean> {
  const wanted = readHeaderOf(image)
  // SQLite cannot change the page size of a database in WAL mode.
  const isOtherSize = wanted !== null && wanted.pageSize !== before.pageSize
  const isToLeave = before.journalMode === 'wal' && (isOtherSize || hasWalResetBug(before.sqliteVersion))
  if (isToLeave) await leaveWal(target, touched, context)
  return isToLeave
}

/** Others have committed since the target was looked at, and nothing was written. */
export class OthersCommitted extends Error {}

/** @param options `onto`: the commit counter of what the image may be written over; null: whatever is there */
export async function writeIntoOpen(
  source: Source,
  target: string,
  { touched, onto }: { readonly touched: Touched; readonly onto: number | null },
  context: Context,
): Promise<Applied> {
  const { sqlite, settings } = context
  const wanted = readHeaderOf(source.path)
  touched.outcome = await applyWhenFree({ source: source.path, onto }, target, touched, context)
  touched.state = 'committed'

  const comparison = settings.disposable
    ? 'not-compared'
    : await compareWithTarget(source, target, touched.outcome, withoutCancelling(context))
  begin(context, 'settle-target')
  const wantedMode = wanted?.isWal === true ? 'wal' : 'delete'
  const { journalMode } = await sqlite.ask('settleTarget', { journalMode: wantedMode })
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

function openTarget(path: string, context: Context): Promise<TargetFacts> {
  const { sqlite, signal, settings } = context
  const open = (): Promise<TargetFacts> =>
    sqlite.ask('openTarget', { path, waitMs: settings.waitForLockMs }, { signal })
  return unlessDiskFails(open, path, signal)
}

/** The one change that SQLite does not undo by itself when the restore goes no further. */
async function leaveWal(target: string, touched: Touched, { sqlite, signal }: Context): Promise<void> {
  touched.state = 'left-wal'
  try {
    await unlessDiskFails(() => sqlite.ask('leaveWal', {}, { signal }), target, signal)
  } catch (error) {
    if (error instanceof SqliteError) touched.state = 'untouched'
    throw error
  }
}

type ApplyOrder = SqliteRequests['apply']['request']

/**
 * Tries until nobody else holds the target. SQLite undoes a try that it refused or that was cancelled, so the
 * target is as before it then. Only what fails after the commit, as when it cuts the file, leaves the new image there.
 */
async function applyWhenFree(
  order: ApplyOrder,
  target: string,
  touched: Touched,
  context: Context,
): Promise<ApplyOutcome> {
  const { signal, settings } = context
  const deadline = performance.now() + settings.waitForLockMs
  const before = touched.state
  for (;;) {
    touched.state = 'unknown'
    try {
      const outcome = await applyUnlessCancelled(order, context)
      if (outcome !== null) return outcome
      throw new OthersCommitted()
    } catch (error) {
      const isCancelled = error instanceof BackupError && error.code === 'CANCELLED'
      if (isCancelled || error instanceof OthersCommitted) touched.state = before
      const code = error instanceof SqliteError ? error.primaryCode : null
      const isBusy = code === SQLITE.BUSY || code === SQLITE.LOCKED
      // All files are opened before anything is written.
      const isUntried = isBusy || code === SQLITE.CANTOPEN
      if (isUntried || (error instanceof SqliteError && (await isUndone(order.source, target, context)))) {
        touched.state = before
      }
      if (!isBusy || performance.now() > deadline) throw error
    }
    await sleep(RETRY_MS)
    throwIfCancelled(signal)
  }
}

async function applyUnlessCancelled(order: ApplyOrder, context: Context): Promise<ApplyOutcome | null> {
  const { sqlite, signal } = context
  throwIfCancelled(signal)
  const stop = (): void => void sqlite.ask('stopApplying', {}).catch(() => {})
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await sqlite.ask('apply', order, { onBytes: bytesOf(context, 'apply-image') })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Compares the target with the stored file, and that with the checksum it was verified with: it may have
 * been damaged, or replaced, since.
 */
async function compareWithTarget(
  source: Source,
  target: string,
  outcome: ApplyOutcome,
  context: Context,
): Promise<Applied['comparison']> {
  const { sqlite, signal } = context
  begin(context, 'compare-target')
  using stored = new RawFile(source.path)
  const hashed = hashFile(stored.fd, stored.size, source.path, { signal })
  hashed.catch(() => {}) // Awaited below; until then a failure must not count as unhandled.
  try {
    // Most of it is in the main file then, and need not be read from a WAL as large as the database.
    await sqlite.ask('checkpointTarget', {}, { signal })
    const comparison = await comparePages(source.path, target, outcome, context)
    if (source.checksum === null || (await hashed) === source.checksum) return comparison
  } finally {
    await hashed.catch(() => {})
  }
  throw differs(`The stored backup changed after it was verified: ${source.path}`, source.path)
}

async function comparePages(
  source: string,
  target: string,
  outcome: ApplyOutcome,
  context: Context,
): Promise<Applied['comparison']> {
  const { state } = await stateAfter(source, target, outcome, context)
  if (state !== 'different') return state
  throw differs(`The restored database differs from the backup: ${target}`, target)
}

function differs(message: string, path: string): BackupError {
  return new BackupError('RESTORE_FAILED', message, {
    hint: 'The disk or the memory of this machine may be failing. Check it before you try again.',
    path,
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

/**
 * Whether the next to open the target finds the old content: a transaction whose log could not be flushed is
 * in there all the same, and counts again unless closing the target has removed it. False also where nobody
 * can tell.
 */
async function isUndone(source: string, target: string, context: Context): Promise<boolean> {
  try {
    await openTarget(target, context)
    return !(await holds(target, source, context))
  } catch {
    return false
  }
}
