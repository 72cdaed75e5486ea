/** What a database that is open to be written into holds, compared with an image that was written into it. */
import { PinnedFiles, walIndexOf } from '../snapshot/open-image.ts'
import type { WalIndexHeader } from '../snapshot/wal-index.ts'
import type { ApplyOutcome } from '../sqlite/requests.ts'
import { compareImage } from './compare-image.ts'
import { bytesOf, type Context } from './context.ts'

/** What one read transaction sees. */
export interface Seen {
  /** Whether the open target has the content of the stored file. */
  readonly isEqual: boolean
  /** The counter that each later commit advances, as `apply` compares it. */
  readonly commitCounter: number
  /** That of the main file's header, which commits in WAL mode do not always advance. */
  readonly headerCounter: number | null
  /** Null in rollback mode. */
  readonly index: WalIndexHeader | null
}

/** @param onBytes told of the comparison's progress */
export async function lookAtOpen(
  target: string,
  source: string,
  onBytes: (doneBytes: number, totalBytes: number) => void,
  { sqlite, signal }: Context,
): Promise<Seen> {
  const facts = await sqlite.ask('beginTargetRead', {}, { signal })
  try {
    using files = new PinnedFiles(target, facts, walIndexOf(facts))
    const isEqual = await compareImage(await files.loadImage(signal), source, { signal, onBytes })
    const { index, changeCounter: headerCounter } = files
    return { isEqual, commitCounter: facts.commitCounter, headerCounter, index }
  } finally {
    if (sqlite.isRunning) await sqlite.ask('endTargetRead', {})
  }
}

/** A state of the target since an image was written into it, and the counter that goes with it. */
export interface StateAfter {
  readonly state: 'equal' | 'changed-since' | 'different'
  readonly commitCounter: number
}

/**
 * What the open target has become since an image was written into it, looked at under a read transaction. A
 * difference is the restore's fault only if nobody has committed since; the commit counter says so.
 */
export async function stateAfter(
  source: string,
  target: string,
  { commitCounter, isCounterInWalIndex }: ApplyOutcome,
  context: Context,
): Promise<StateAfter> {
  const seen = await lookAtOpen(target, source, bytesOf(context, 'compare-target'), context)
  const { isEqual, index, headerCounter } = seen
  if (isEqual) return { state: 'equal', commitCounter: seen.commitCounter }
  // A WAL that came with the image is new; any commit in it is somebody else's.
  const isNewWalUsed = !isCounterInWalIndex && index !== null && index.maxFrame > 0
  const counter = isCounterInWalIndex ? index?.changeCounter : headerCounter
  const isChanged = isNewWalUsed || (commitCounter !== null && counter !== commitCounter)
  return { state: isChanged ? 'changed-since' : 'different', commitCounter: seen.commitCounter }
}

/** Whether the open target has the content of the stored file. */
export async function holds(target: string, source: string, context: Context): Promise<boolean> {
  const { isEqual } = await lookAtOpen(target, source, () => {}, context)
  return isEqual
}
