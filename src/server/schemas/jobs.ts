/** Long work: it is begun with 202, and asked for by its id. */
import { z } from '@hono/zod-openapi'
import type {
  AuditLogVerified,
  BackupCreated,
  BackupDrilled,
  BackupInfo,
  BackupRestored,
  BackupsCleanedUp,
  BackupsCompared,
  BackupVerified,
  DataExported,
  JobsRun,
  RestorePlan,
  SensitiveScan,
  TargetsChecked,
} from '../../index.ts'
import { auditLogVerified } from './access.ts'
import {
  backupCreated,
  backupDrilled,
  backupInfo,
  backupRestored,
  backupsCleanedUp,
  backupVerified,
  type PlanIssued,
  restorePlanned,
} from './backups.ts'
import { orNull, type Problem, problem } from './common.ts'
import { dataExported, sensitiveScan } from './data.ts'
import { backupsCompared } from './look.ts'
import { jobsRun } from './schedule.ts'
import { targetsChecked } from './targets.ts'

export interface BackupAddedView {
  readonly success: true
  readonly backup: BackupInfo
  readonly notes: readonly string[]
  readonly durationMs: number
}

export const backupAdded: z.ZodType<BackupAddedView> = z
  .object({
    success: z.literal(true),
    backup: backupInfo,
    notes: z
      .array(z.string())
      .describe('What should be known of it, such as that it may be of another database.'),
    durationMs: z.number(),
  })
  .openapi('BackupAdded')

/** What the work of each kind comes to. */
export interface JobResults {
  create: BackupCreated
  verify: BackupVerified
  drill: BackupDrilled
  'restore-plan': RestorePlan & PlanIssued
  restore: BackupRestored
  export: DataExported
  scan: SensitiveScan
  cleanup: BackupsCleanedUp
  compare: BackupsCompared
  'run-scheduled': JobsRun
  'check-target': TargetsChecked
  'verify-audit': AuditLogVerified
}

export type JobKind = keyof JobResults

export interface JobProgress {
  readonly step: string
  readonly doneBytes?: number | undefined
  readonly totalBytes?: number | undefined
  readonly doneRows?: number | undefined
}

/** One piece of long work. Instants are UTC, ISO 8601. */
export interface JobOf<Kind extends JobKind> {
  readonly id: string
  readonly kind: Kind
  readonly database: string
  /** What it is done to, such as a backup's file name; null for the database itself. */
  readonly subject: string | null
  readonly status: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  readonly by: string
  readonly createdAt: string
  readonly startedAt: string | null
  readonly endedAt: string | null
  readonly progress: JobProgress | null
  /** Once it succeeded. */
  readonly result: JobResults[Kind] | null
  /** Once it failed or was cancelled. */
  readonly problem: Problem | null
}

export type Job = { [Kind in JobKind]: JobOf<Kind> }[JobKind]

const progress: z.ZodType<JobProgress> = z
  .object({
    step: z.string().describe('A named step: see Step in docs/api.md.'),
    doneBytes: z.number().optional(),
    totalBytes: z.number().optional(),
    doneRows: z.number().optional(),
  })
  .openapi('JobProgress')

function jobOf<Kind extends JobKind>(kind: Kind, result: z.ZodType<JobResults[Kind]>): z.ZodObject {
  return z.object({
    id: z.string(),
    kind: z.literal(kind),
    database: z.string(),
    subject: z
      .string()
      .nullable()
      .describe("What it is done to, such as a backup's file name; null for the database itself."),
    status: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
    by: z.string().describe('Who began it.'),
    createdAt: z.string(),
    startedAt: z.string().nullable(),
    endedAt: z.string().nullable(),
    progress: orNull(progress),
    result: orNull(result).describe(
      'Once it succeeded, for those who may begin such a job; null for others.',
    ),
    problem: orNull(problem).describe('Once it failed or was cancelled.'),
  })
}

export const job: z.ZodType<Job> = z
  .discriminatedUnion('kind', [
    jobOf('create', backupCreated),
    jobOf('verify', backupVerified),
    jobOf('drill', backupDrilled),
    jobOf('restore-plan', restorePlanned),
    jobOf('restore', backupRestored),
    jobOf('export', dataExported),
    jobOf('scan', sensitiveScan),
    jobOf('cleanup', backupsCleanedUp),
    jobOf('compare', backupsCompared),
    jobOf('run-scheduled', jobsRun),
    jobOf('check-target', targetsChecked),
    jobOf('verify-audit', auditLogVerified),
  ])
  .openapi('Job') as unknown as z.ZodType<Job>
