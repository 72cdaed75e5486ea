/** What a scheduler answers. Everything here survives JSON. */
import type { Failure } from '../errors.ts'
import type { JobKind } from '../schedule/jobs.ts'
import type { DatabaseState, JobState, SchedulerHolder } from '../schedule/state.ts'

export interface SchedulerStopped {
  readonly success: true
  readonly startedAt: string
  readonly stoppedAt: string
}

/** A job's state after it was run; `lastRun` says how that went. */
export type RunReport = JobState

export interface JobsRun {
  readonly success: true
  readonly status: 'succeeded' | 'failed'
  /** One a database. */
  readonly runs: readonly RunReport[]
}

export interface SchedulerTested {
  readonly success: true
  readonly status: 'passed' | 'failed'
  readonly databases: readonly DatabaseTested[]
}

export interface DatabaseTested {
  readonly database: string
  /** The backup that was made; null when that failed. */
  readonly backupPath: string | null
  readonly isVerified: boolean
  readonly isDeleted: boolean
  /** Why the test failed; null when it passed. */
  readonly failure: Failure | null
  readonly durationMs: number
}

export interface NextRuns {
  readonly success: true
  /** Null without one. */
  readonly configFile: string | null
  /** Soonest first. `at` is UTC, ISO 8601. */
  readonly runs: readonly {
    readonly at: string
    readonly job: string
    readonly kind: JobKind
    readonly type: string | null
    readonly database: string
  }[]
}

export interface SchedulerStatus {
  readonly success: true
  /** `failing`: a job's last runs failed; `overdue`: a database's last good backup is too old. */
  readonly status: 'fine' | 'overdue' | 'failing'
  readonly directories: readonly DirectoryStatus[]
}

export interface DirectoryStatus {
  readonly backupDir: string
  /** Whether a scheduler holds the directory now. */
  readonly isRunning: boolean
  /** `missing`: no scheduler has run here yet. A `damaged` one is rebuilt by the next. */
  readonly stateFile: 'ok' | 'missing' | 'damaged'
  readonly updatedAt: string | null
  readonly scheduler: SchedulerHolder | null
  readonly databases: Readonly<Record<string, DatabaseState>>
  readonly jobs: readonly JobState[]
}

/** The scheduler's log: a file, when it is put aside, and what it may not hold. */
export interface LogSettings {
  readonly success: true
  /** Absolute. */
  readonly path: string
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly maxSizeBytes: number
  readonly maxDays: number
  /** Environment variables whose values are secrets. */
  readonly secrets: readonly string[]
}
