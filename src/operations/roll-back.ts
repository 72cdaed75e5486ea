import { BackupError, toFailure } from '../errors.ts'
import { begin, type Context, withoutCancelling } from './context.ts'
import { openIntact } from './find-intact.ts'
import type { KeptState } from './keep-current.ts'
import { lookAtOpen, stateAfter } from './look-at-target.ts'
import {
  OthersCommitted,
  readyFor,
  type Source,
  type Touched,
  untouched,
  writeIntoOpen,
} from './write-image.ts'

/** A restore that failed after it had begun to write. */
export interface FailedRestore {
  readonly target: string
  readonly source: Source
  readonly kept: KeptState
  readonly touched: Touched
}

/**
 * Brings the target back to what it was after a restore failed that had begun to write; returns the error
 * to throw. Goes on after a cancellation: half a restore is no place to stop.
 *
 * Only a target that holds the new image is written again. One whose transaction never committed was
 * rolled back by SQLite, and may hold commits that others have made since the pre_restore backup; so may one
 * whose transaction committed, and these are nobody's to undo.
 */
export async function rollBack(
  reason: unknown,
  failed: FailedRestore,
  cancelledContext: Context,
): Promise<BackupError> {
  const context = withoutCancelling(cancelledContext)
  const { target, kept } = failed
  begin(context, 'roll-back')
  const why = toFailure(reason).message
  try {
    if ((await undo(failed, isKnownWrong(reason), context)) === 'others-committed')
      return notUndone(why, failed, reason)
  } catch (error) {
    return new BackupError(
      'RESTORE_FAILED',
      `Restore failed (${why}) and could not be rolled back: ${target}`,
      {
        // Each of its steps was a transaction.
        hint: `It holds its previous content or the restored one as a whole, once SQLite can open it. ${whereItIs(kept)}`,
        path: target,
        cause: error,
      },
    )
  }
  if (reason instanceof BackupError && reason.code === 'CANCELLED') {
    return new BackupError('CANCELLED', `Cancelled; the database is as it was before: ${target}`, {
      path: target,
      cause: reason,
    })
  }
  return new BackupError('RESTORE_ROLLED_BACK', `Restore failed and was rolled back (${why}): ${target}`, {
    hint: `The database is as it was before the restore. ${whereItIs(kept)}`,
    path: target,
    cause: reason,
  })
}

/** It was compared, and is not what was to be restored: then nothing that was built on it is worth keeping. */
function isKnownWrong(reason: unknown): boolean {
  return reason instanceof BackupError && reason.code === 'RESTORE_FAILED'
}

function notUndone(why: string, { target, kept }: FailedRestore, cause: unknown): BackupError {
  return new BackupError(
    'RESTORE_FAILED',
    `Restore failed (${why}) after its commit, and was not rolled back, because others have committed to it since: ${target}`,
    {
      hint: `It holds the restored content and those commits. Check it, or restore again. ${whereItIs(kept)}`,
      path: target,
      cause,
    },
  )
}

async function undo(
  failed: FailedRestore,
  isWrong: boolean,
  context: Context,
): Promise<'undone' | 'others-committed'> {
  const { target, source, kept, touched } = failed
  const { sqlite, settings } = context
  // Opening it for writing lets SQLite roll back what a killed process left.
  const before = await sqlite.ask('openTarget', { path: target, waitMs: settings.waitForLockMs })
  const found = await findOut(failed, isWrong, context)
  if (found === 'others-committed') return found
  if (found === 'old') {
    if (touched.state === 'unknown') await sqlite.ask('forgetUncommitted', {})
    // The restore may have left WAL mode, to change the page size.
    await sqlite.ask('settleTarget', { journalMode: touched.journalMode })
    return 'undone'
  }
  if (kept.backup === null) throw new Error('there is no pre_restore backup')
  const opening = { level: 'none', decoder: kept.decoder ?? undefined } as const
  await using image = await openIntact(kept.backup, opening, context)
  begin(context, 'roll-back')
  begin(context, 'apply-image')
  const undoing = untouched()
  let { onto } = found
  try {
    const hasLeft = await readyFor(image.path, target, { before, touched: undoing }, context)
    // Its counter is in another place now.
    if (hasLeft && onto !== null) onto = await counterIfHeld(target, source, context)
    await writeIntoOpen(image, target, { touched: undoing, onto }, context)
    return 'undone'
  } catch (error) {
    if (!(error instanceof OthersCommitted)) throw error
    if (before.journalMode === 'wal') await sqlite.ask('settleTarget', { journalMode: 'wal' })
    return 'others-committed'
  }
}

/**
 * Whether the open target holds what the restore wrote. `onto`: the commit counter that goes with it, for as long as which
 * it may be written over; null where what it holds is wrong, whoever has built upon it.
 */
async function findOut(
  { target, source, touched }: FailedRestore,
  isWrong: boolean,
  context: Context,
): Promise<'old' | 'others-committed' | { readonly onto: number | null }> {
  if (touched.state !== 'committed' && touched.state !== 'unknown') return 'old'
  if (touched.outcome === null) {
    const { isEqual, commitCounter } = await lookAtOpen(target, source.path, () => {}, context)
    return isEqual ? { onto: commitCounter } : 'old'
  }
  if (isWrong) return { onto: null }
  const { state, commitCounter } = await stateAfter(source.path, target, touched.outcome, context)
  if (state === 'changed-since') return 'others-committed'
  return { onto: state === 'equal' ? commitCounter : null }
}

/** The commit counter of the open target, which must still have the content of the restored image. */
async function counterIfHeld(target: string, source: Source, context: Context): Promise<number> {
  const { isEqual, commitCounter } = await lookAtOpen(target, source.path, () => {}, context)
  if (!isEqual) throw new OthersCommitted()
  return commitCounter
}

/** Where a user finds what was there before a restore. */
export function whereItIs({ backup, files }: KeptState): string {
  if (backup !== null) return `What was there before is in ${backup.path}`
  if (files.length > 0) return `What was there before is kept as ${files.join(', ')}`
  return 'No pre_restore backup was made, because the database is marked disposable.'
}
