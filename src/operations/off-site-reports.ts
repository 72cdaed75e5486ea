/** What becomes of copies at targets. Part of reports.ts. */
import type { ErrorCode, Failure } from '../errors.ts'

export type * from './copies-reports.ts'

/** How the copying of one new backup to one target went. */
export interface TargetCopy {
  readonly name: string
  readonly status: 'copied' | 'failed'
  /** Its file name there; null when it failed. */
  readonly filename: string | null
  /** Bytes of the stored file there; 0 when it failed. */
  readonly bytes: number
  readonly durationMs: number
  /** What went wrong, when it failed. */
  readonly code?: ErrorCode
  readonly message?: string
  readonly hint?: string
  /** Why the newest line of the audit log could not be anchored there; the copy is whole all the same. */
  readonly anchorProblem?: string
}

export interface SyncTargetsRequest {
  /** Only this target. Default: all of the configuration. */
  readonly target?: string
}

/** One backup that could not be copied. */
export interface FailedCopy extends Omit<Failure, 'success'> {
  readonly filename: string
}

/** What a sync did at one target. */
export interface TargetSynced {
  readonly name: string
  /** `incomplete`: some backups could not be copied, see `failed`. `failed`: the target itself could not be used. */
  readonly status: 'synced' | 'incomplete' | 'failed'
  /** File names, in the backup directory, of what was copied, newest first. */
  readonly copied: readonly string[]
  readonly failed: readonly FailedCopy[]
  /** Backups of the backup directory that it has now. */
  readonly present: number
  /** Backups that it lacks because its retention would not keep them, or because they were deleted there on purpose. */
  readonly leftOut: number
  /** Bytes that were sent. */
  readonly bytes: number
  /** Why the target could not be used; null unless it failed. */
  readonly failure: Failure | null
  /** Why the newest line of the audit log could not be anchored there, once something was copied; null otherwise. */
  readonly anchorProblem: string | null
  readonly durationMs: number
}

export interface TargetsSynced {
  readonly success: true
  readonly status: 'synced' | 'incomplete'
  readonly targets: readonly TargetSynced[]
  readonly durationMs: number
}
