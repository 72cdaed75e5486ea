/**
 * What the scheduler knows of a backup directory, as its state file holds it and `status` shows it. Instants
 * are UTC, ISO 8601.
 */
import type { ErrorCode } from '../errors.ts'
import type { JobKind } from './jobs.ts'

export interface SchedulerState {
  readonly schema: 1
  /** While a scheduler runs, never older than an hour, or than the start of the run that is under way. */
  readonly updatedAt: string
  /** Who has written it. */
  readonly scheduler: SchedulerHolder
  /** When the last digest was sent; before the first, when the scheduler first started. */
  readonly digestedAt: string
  readonly databases: Readonly<Record<string, DatabaseState>>
  readonly jobs: readonly JobState[]
  /** Of a state with very many jobs: twelve hex digits, in the name of the file that holds what has changed since. */
  readonly changes?: string | undefined
}

export interface SchedulerHolder {
  readonly pid: number
  readonly host: string
  readonly startedAt: string
  /** Null while it runs, and after it was killed. */
  readonly stoppedAt: string | null
}

export interface DatabaseState {
  /** When the newest backup was made whose check passed; null when there is none. */
  readonly lastGoodAt: string | null
  /** `schedule.maxBackupAge`; null when there is no limit. */
  readonly maxBackupAgeMs: number | null
  /** As of `updatedAt`. A monitor compares `lastGoodAt` with its own clock. */
  readonly isOverdue: boolean
  /** When somebody was last told that it is. */
  readonly overdueToldAt: string | null
  readonly lastDrill: { readonly at: string; readonly passed: boolean } | null
  /** Runs that failed for good since the last digest. */
  readonly failuresSinceDigest: number
}

export interface JobState {
  readonly job: string
  readonly database: string
  readonly kind: JobKind
  /** Every run due up to here was made, made up for, or given up. */
  readonly coveredUntil: string
  readonly nextRunAt: string | null
  /** The run that is under way, or was when the scheduler was killed. */
  readonly running: { readonly dueAt: string; readonly startedAt: string; readonly attempt: number } | null
  /** A run that is to be tried again. `attempts`: how often it was. */
  readonly retry: { readonly dueAt: string; readonly at: string; readonly attempts: number } | null
  readonly lastRun: LastRun | null
  readonly lastSuccessAt: string | null
  /** When the first of the runs was due that have failed since the last success; null while all is well. */
  readonly failingSince: string | null
  /** The last time that runs were missed: one made up for all of them. Of more than 1000 it says 1000. */
  readonly lastGap: { readonly from: string; readonly to: string; readonly missedRuns: number } | null
}

export interface LastRun {
  readonly dueAt: string
  readonly startedAt: string
  readonly endedAt: string
  /**
   * `retrying`: failed, and will be tried again; `failed`: for good; `cancelled`: the scheduler was stopped;
   * `interrupted`: it was killed. The last two are run again.
   */
  readonly outcome: 'succeeded' | 'retrying' | 'failed' | 'cancelled' | 'interrupted'
  readonly attempts: number
  /** What it did, in words; null unless it succeeded. */
  readonly summary: string | null
  readonly failure: {
    readonly code: ErrorCode
    readonly message: string
    readonly hint?: string | undefined
  } | null
}
