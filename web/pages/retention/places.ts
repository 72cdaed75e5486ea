/** A cleanup in the backup directory and at every target, together. */
import type { BackupDecision, CleanedUp } from '../../api/types.ts'

export interface Everywhere {
  /** Newest first in each place. */
  readonly kept: readonly BackupDecision[]
  readonly deleted: readonly BackupDecision[]
  readonly freedBytes: number
  readonly left: number
  /** Why nothing would be deleted somewhere, in sentences. */
  readonly problems: readonly string[]
}

export function everywhere({ targets, ...here }: CleanedUp): Everywhere {
  const places = [here, ...targets]
  return {
    kept: places.flatMap(({ kept }) => kept),
    deleted: places.flatMap(({ deleted }) => deleted),
    freedBytes: places.reduce((sum, { freedBytes }) => sum + freedBytes, 0),
    left: places.reduce((sum, { left }) => sum + left, 0),
    problems: [
      ...(here.problem === null ? [] : [`Nothing would be deleted: ${here.problem}`]),
      ...targets.flatMap(({ target, problem, failure }) => {
        const why = failure?.message ?? problem
        return why === null ? [] : [`Nothing would be deleted at ${target}: ${why}`]
      }),
    ],
  }
}
