import { BackupError } from '../errors.ts'
import { PinnedFiles, walIndexOf } from '../snapshot/open-image.ts'
import { readHeaderOf } from '../snapshot/source-files.ts'
import { compareImage } from './compare-image.ts'
import { begin, type Context } from './context.ts'
import type { KeptState } from './keep-current.ts'
import { writeAndCompare } from './write-image.ts'

/**
 * Brings the target back to what the pre_restore backup holds, after a restore failed that had begun to
 * write; returns the error to throw. Goes on after a cancellation: half a restore is no place to stop.
 */
export async function rollBack(
  reason: unknown,
  target: string,
  { backup: kept }: KeptState,
  cancelledContext: Context,
): Promise<unknown> {
  const context: Context = { ...cancelledContext, signal: new AbortController().signal }
  begin(context, 'roll-back')
  const why = reason instanceof Error ? reason.message : String(reason)
  const failed = (hint: string, cause: unknown): BackupError =>
    new BackupError('RESTORE_FAILED', `Restore failed (${why}) and could not be rolled back: ${target}`, {
      hint,
      path: target,
      cause,
    })
  if (kept === null)
    return failed('There is no pre_restore backup, because the database is marked disposable.', reason)
  try {
    if (await isAsBefore(target, kept.path, context)) await settleAsBefore(kept.path, context)
    else await writeAndCompare(kept.path, target, { isTouched: true }, context)
  } catch (error) {
    return failed(
      `Stop the programs that use the database, then restore what was there before: ${kept.path}`,
      error,
    )
  }
  if (reason instanceof BackupError && reason.code === 'CANCELLED') {
    return new BackupError('CANCELLED', `Cancelled; the database is as it was before: ${target}`, {
      path: target,
      cause: reason,
    })
  }
  return new BackupError('RESTORE_ROLLED_BACK', `Restore failed and was rolled back (${why}): ${target}`, {
    hint: `The database is as it was before the restore. A backup of that state is ${kept.path}`,
    path: target,
    cause: reason,
  })
}

/** The restore may have left WAL mode, to change the page size. */
async function settleAsBefore(kept: string, { sqlite }: Context): Promise<void> {
  const journalMode = readHeaderOf(kept)?.isWal === true ? 'wal' : 'delete'
  await sqlite.ask('settleTarget', { journalMode })
}

/** Opening the target for writing lets SQLite roll back what a killed process left. */
async function isAsBefore(
  target: string,
  kept: string,
  { sqlite, signal, settings }: Context,
): Promise<boolean> {
  await sqlite.ask('openTarget', { path: target, waitMs: settings.waitForLockMs }, { signal })
  const facts = await sqlite.ask('beginTargetRead', {}, { signal })
  try {
    using files = new PinnedFiles(target, facts, walIndexOf(facts))
    return await compareImage(await files.loadImage(signal), kept, { signal, onBytes: () => {} })
  } finally {
    await sqlite.ask('endTargetRead', {})
  }
}
