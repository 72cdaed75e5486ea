/** What tends a target, in a process of its own, killed at a change that it makes. */
import { isFull } from '../faults/extent.ts'
import { type CallGroup, type Event, type Run, runUnderShim } from '../faults/shim.ts'
import type { Place } from './place.ts'
import { tending } from './run-tend.ts'
import type { TendOrder } from './tend.ts'

/** So many of the changes in the suite, spread over all of them. */
export const POINTS: number = isFull ? Number.POSITIVE_INFINITY : 5

const CHANGES: readonly CallGroup[] = ['write', 'fsync', 'rename', 'name']

/**
 * Runs it with its changes below `root` counted, by default at the target `far`; with an event, that happens at the one
 * of number `at`, from 1.
 */
export function tendUnderShim(
  operation: TendOrder['operation'],
  place: Place,
  event?: Event,
  at = 0,
  root: string = place.path('far'),
): Promise<Run> {
  return runUnderShim(tending(place, operation), {
    paths: [root],
    calls: CHANGES,
    ...(event === undefined ? {} : { event, at }),
  })
}
