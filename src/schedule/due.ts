/** When a job runs next, given what is known of its past. Pure: reads no clock. */
import { createHash } from 'node:crypto'
import { type CronTime, nextRunAfter } from './cron.ts'

export interface DueRule extends CronTime {
  readonly catchUpWindowMs: number
  /** Milliseconds after the cron time at which it starts. */
  readonly offsetMs: number
}

/** What the decision needs to know of a job's past. */
export interface Covered {
  /** Every run that the expression gives up to here was made, or made up for, or given up. */
  readonly coveredUntil: Date
  /**
   * A run that is to be done (again): interrupted, cancelled, or failed in a way that may pass. `at`: when; that is
   * in the past for one that waited for the scheduler to be started.
   */
  readonly retry: { readonly dueAt: Date; readonly at: Date } | null
}

export interface NextRun {
  /** When it starts; not later than now when it is due. */
  readonly at: Date
  /** The time of the expression that it is for. */
  readonly dueAt: Date
  readonly isRetry: boolean
}

/** Clocks are corrected by less than this while a computer runs; what is further in the future, a wrong clock wrote. */
export const CLOCK_TOLERANCE_MS = 3_600_000
/** Counting stops here: enough for a note. */
export const MISSED_MAX = 1000

/**
 * The next run of a job; null when its expression has none any more. However many runs were missed, one
 * makes up for all of them, and only when the last of them was due within the window. A past that lies in
 * the future was written by a wrong clock, and counts as now: then nothing runs at once. Whoever keeps the
 * past must then note it so, or every later now would be the beginning.
 */
export function decideNextRun(rule: DueRule, past: Covered, now: Date): NextRun | null {
  const { retry } = past
  const oldest = now.getTime() - rule.catchUpWindowMs
  if (retry !== null && retry.at.getTime() >= oldest - CLOCK_TOLERANCE_MS) {
    // A pause that ends so much later was measured on another clock.
    const isAhead = retry.at.getTime() > now.getTime() + 2 * CLOCK_TOLERANCE_MS
    return { at: isAhead ? now : retry.at, dueAt: retry.dueAt, isRetry: true }
  }
  const from = Math.max(coveredUntil(past, now), oldest - rule.offsetMs)
  const dueAt = nextRunAfter(rule, new Date(from))
  return dueAt === null ? null : { at: new Date(dueAt.getTime() + rule.offsetMs), dueAt, isRetry: false }
}

/** How many runs the expression gave between what is covered and now; at most 1000. */
export function countMissed(rule: DueRule, past: Covered, now: Date): number {
  const end = now.getTime() - rule.offsetMs
  let count = 0
  let run = nextRunAfter(rule, new Date(coveredUntil(past, now)))
  while (run !== null && run.getTime() <= end && count < MISSED_MAX) {
    count++
    run = nextRunAfter(rule, run)
  }
  return count
}

/** Where a run's end covers to: what came due while it ran is not run after it. */
export function coverage(rule: DueRule, dueAt: Date, endedAt: Date): Date {
  return new Date(Math.max(dueAt.getTime(), endedAt.getTime() - rule.offsetMs))
}

/** The share of the jitter that a job has: the same every time, other ones for other jobs and machines. */
export function jitterOffset(jitterMs: number, seed: string): number {
  const share = createHash('sha256').update(seed).digest().readUInt32BE() / 2 ** 32
  return Math.floor(share * jitterMs)
}

/** Whether an instant of the past lies so far in the future that a wrong clock must have written it. */
export function isFromWrongClock(instant: Date, now: Date): boolean {
  return instant.getTime() > now.getTime() + CLOCK_TOLERANCE_MS
}

function coveredUntil({ coveredUntil: covered }: Covered, now: Date): number {
  return (isFromWrongClock(covered, now) ? now : covered).getTime()
}
