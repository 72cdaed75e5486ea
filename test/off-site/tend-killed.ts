/** What tends a target, in a process of its own, killed at a change that it makes there. */
import { fileURLToPath } from 'node:url'
import { isFull } from '../faults/extent.ts'
import { type Event, type Run, runUnderShim } from '../faults/shim.ts'
import type { Place } from './place.ts'
import type { TendOrder } from './tend.ts'

const TEND = fileURLToPath(new URL('./tend.ts', import.meta.url))
/** So many of the changes in the suite, spread over all of them. */
export const POINTS: number = isFull ? Number.POSITIVE_INFINITY : 5

/** Runs it with its changes at the target `far` counted; with an event, that happens at the one of number `at`, from 1. */
export function tendUnderShim(
  operation: TendOrder['operation'],
  { databasePath: path, backupDir, config, path: pathOf }: Place,
  event?: Event,
  at = 0,
): Promise<Run> {
  const order = JSON.stringify({ operation, path, backupDir, config } satisfies TendOrder)
  return runUnderShim([TEND, order], {
    paths: [pathOf('far')],
    calls: ['write', 'fsync', 'rename', 'name'],
    ...(event === undefined ? {} : { event, at }),
  })
}
