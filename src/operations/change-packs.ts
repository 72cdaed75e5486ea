import type { Target } from '../storage/target.ts'
import type { PacksCollected } from './blocks-reports.ts'
import { type Context, withoutCancelling } from './context.ts'
import type { LiveAtTarget } from './live-at-target.ts'
import { type PackMark, putPackMark, type Staying } from './pack-marks.ts'

/** A clean-up of the packs at a target. */
export interface Collecting {
  readonly target: Target
  readonly live: LiveAtTarget
  readonly context: Context
  /** What was done so far, also when the target fails in the middle. */
  readonly tally: { -readonly [Key in keyof PacksCollected]: PacksCollected[Key] }
}

/**
 * Changes packs at a target under a mark that says what stays of them, once it has been looked again which backups are
 * there: what is to be changed has to be judged by that. Throws `NotNow` without having changed anything.
 *
 * The mark stays when a change may take place after this: where one failed nobody knows what a server still does.
 *
 * @param change resolves to whether it is known of all that was asked for that it was done, or never will be
 */
export async function changeMarked(
  staying: Staying,
  { target, live, context }: Pick<Collecting, 'target' | 'live' | 'context'>,
  change: (mark: PackMark) => Promise<boolean>,
): Promise<void> {
  const mark = await putPackMark(target, staying, context)
  let isSettled = true
  try {
    await live.look()
    isSettled = false
    isSettled = await change(mark)
  } finally {
    const { signal } = withoutCancelling(context)
    if (isSettled) await target.delete(mark.key, { signal }).catch(() => {})
  }
}
