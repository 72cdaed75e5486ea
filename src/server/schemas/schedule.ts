/** The scheduler and its configuration, retention, notifications, targets: what stands under Settings. */
import { z } from '@hono/zod-openapi'
import {
  cronProblem,
  isSize,
  isSpan,
  type JobConfig,
  type JobsRun,
  type JobState,
  type NextRuns,
  type NotificationsTested,
  type RetentionPolicy,
  type RetentionRules,
  type RetentionSimulated,
  type SchedulerStatus,
} from '../../index.ts'

const success = z.literal(true)
const instant = z.string()

const lastRun = z.object({
  dueAt: instant,
  startedAt: instant,
  endedAt: instant,
  outcome: z.enum(['succeeded', 'retrying', 'failed', 'cancelled', 'interrupted']),
  attempts: z.number(),
  summary: z.string().nullable(),
  failure: z
    .object({
      code: z.string() as unknown as z.ZodType<
        NonNullable<NonNullable<JobState['lastRun']>['failure']>['code']
      >,
      message: z.string(),
      hint: z.string().optional(),
    })
    .nullable(),
})

const jobKind = z.enum(['backup', 'sync', 'cleanup', 'verify', 'drill'])

export const jobState: z.ZodType<JobState> = z
  .object({
    job: z.string(),
    database: z.string(),
    kind: jobKind,
    coveredUntil: instant,
    nextRunAt: instant.nullable(),
    running: z.object({ dueAt: instant, startedAt: instant, attempt: z.number() }).nullable(),
    retry: z.object({ dueAt: instant, at: instant, attempts: z.number() }).nullable(),
    lastRun: lastRun.nullable(),
    lastSuccessAt: instant.nullable(),
    failingSince: instant.nullable(),
    lastGap: z.object({ from: instant, to: instant, missedRuns: z.number() }).nullable(),
  })
  .openapi('ScheduledJobState')

export const jobsRun: z.ZodType<JobsRun> = z
  .object({ success, status: z.enum(['succeeded', 'failed']), runs: z.array(jobState) })
  .openapi('JobsRun')

const holder = z.object({
  pid: z.number(),
  host: z.string(),
  startedAt: instant,
  stoppedAt: instant.nullable(),
})

const schedulerStatus: z.ZodType<SchedulerStatus> = z
  .object({
    success,
    status: z.enum(['fine', 'overdue', 'failing']),
    directories: z.array(
      z.object({
        backupDir: z.string(),
        isRunning: z.boolean(),
        stateFile: z.enum(['ok', 'missing', 'damaged']),
        updatedAt: instant.nullable(),
        scheduler: holder.nullable(),
        databases: z.record(
          z.string(),
          z.object({
            lastGoodAt: instant.nullable(),
            maxBackupAgeMs: z.number().nullable(),
            isOverdue: z.boolean(),
            overdueToldAt: instant.nullable(),
            lastDrill: z.object({ at: instant, passed: z.boolean() }).nullable(),
            failuresSinceDigest: z.number(),
          }),
        ),
        jobs: z.array(jobState),
      }),
    ),
  })
  .openapi('SchedulerStatus')

const cron = z
  .string()
  .max(200)
  .superRefine((text, context) => {
    const wrong = cronProblem(text)
    if (wrong !== null) context.addIssue(`this is no cron expression: ${wrong}`)
  })

/** A job as the configuration says it; false turns off one of the defaults. */
const jobConfig: z.ZodType<JobConfig> = z
  .strictObject({
    kind: jobKind.optional(),
    cron: cron.optional(),
    timeZone: z.string().max(100).optional(),
    type: z.string().max(40).optional(),
    databases: z.array(z.string()).optional(),
    jitter: z.string().max(40).optional(),
    catchUpWindow: z.string().max(40).optional(),
    retries: z.int().min(0).max(100).optional(),
    timeout: z.string().max(40).optional(),
    maxBackups: z.int().positive().optional(),
    maxTime: z.string().max(40).optional(),
    copies: z.boolean().optional(),
    within: z.string().max(40).optional(),
    share: z.string().max(40).optional(),
  } satisfies Record<keyof JobConfig, z.ZodType>)
  .openapi('JobConfig')

/** What may be edited of the schedule. */
export interface ScheduleEdit {
  jobs?: Record<string, JobConfig | false> | undefined
  maxBackupAge?: string | undefined
  graceTime?: string | undefined
  digest?: string | false | undefined
}

const edited = {
  jobs: z.record(z.string().max(64), z.union([z.literal(false), jobConfig])).optional(),
  maxBackupAge: z.string().max(40).optional(),
  graceTime: z.string().max(40).optional(),
  digest: z.union([z.literal(false), cron]).optional(),
}

const configuredSchedule: z.ZodType<ScheduleEdit> = z.strictObject(edited).openapi('ConfiguredSchedule')

/** Where settings stand, and whether they can be changed from here. */
export interface Editable {
  readonly file: string | null
  readonly isEditable: boolean
  /** Why not, and what to do instead; null when they can. */
  readonly why: string | null
  /** Names what they are now. */
  readonly version: string
}

export const editable: z.ZodType<Editable> = z
  .object({
    file: z.string().nullable(),
    isEditable: z.boolean(),
    why: z.string().nullable(),
    version: z
      .string()
      .describe('Of the configuration; an edit that gives it is refused where it is another.'),
  })
  .openapi('Editable')

/** What an edit may give of what it was made of. */
export const seenVersion: z.ZodOptional<z.ZodString> = z
  .string()
  .max(100)
  .optional()
  .describe(
    'As `editable` had it: CATALOG_LOCKED when somebody has changed the configuration since. Default: whatever it is by now.',
  )

export const scheduleEdit: z.ZodType<ScheduleEdit & { version?: string | undefined }> = z
  .strictObject({ ...edited, version: seenVersion })
  .openapi('ScheduleEdit')

export interface ScheduleView {
  readonly configured: ScheduleEdit
  /** The jobs that hold, the defaults among them. */
  readonly jobs: readonly {
    readonly name: string
    readonly kind: string
    readonly cron: string
    readonly isDefault: boolean
  }[]
  /** Types that a backup of a job may have. */
  readonly types: readonly string[]
  readonly nextRuns: NextRuns['runs']
  readonly status: SchedulerStatus
  readonly editable: Editable
}

export const scheduleView: z.ZodType<ScheduleView> = z
  .object({
    configured: configuredSchedule,
    jobs: z.array(z.object({ name: z.string(), kind: z.string(), cron: z.string(), isDefault: z.boolean() })),
    types: z.array(z.string()).describe('Types that a backup of a job may have.'),
    nextRuns: z.array(
      z.object({
        at: instant,
        job: z.string(),
        kind: jobKind,
        type: z.string().nullable(),
        database: z.string(),
      }),
    ),
    status: schedulerStatus,
    editable,
  })
  .openapi('Schedule')

const amount = z
  .int('expected a whole number')
  .nonnegative('expected no less than 0')
  .max(100_000, 'expected 100,000 at most')
const span = z.string().max(40).refine(isSpan, 'expected a span such as 12h, 30d, 8w, 6m (months) or 1y')
const size = z.string().max(40).refine(isSize, 'expected a size such as 10GiB or 512MiB')

const rules: z.ZodType<RetentionRules> = z
  .strictObject({
    keepLast: amount.optional(),
    keepHourly: amount.optional(),
    keepDaily: amount.optional(),
    keepWeekly: amount.optional(),
    keepMonthly: amount.optional(),
    keepYearly: amount.optional(),
    keepWithin: span.optional(),
    maxSize: z.union([z.int().positive(), size]).optional(),
    minCount: amount.optional(),
    minAge: span.optional(),
  })
  .openapi('RetentionRules')

export const policy: z.ZodType<RetentionPolicy> = z
  .record(z.string().max(32), rules)
  .openapi('RetentionPolicy')

export interface RetentionView {
  readonly policy: RetentionPolicy
  readonly maxDeletions: number
  readonly editable: Editable
}

export const retentionView: z.ZodType<RetentionView> = z
  .object({
    policy: policy.describe('What holds, the defaults among it.'),
    maxDeletions: z.number(),
    editable,
  })
  .openapi('Retention')

export const retentionSimulated: z.ZodType<RetentionSimulated> = z
  .object({
    success,
    policy,
    backupBytes: z.number(),
    sharedBytes: z.number(),
    days: z.array(
      z.object({
        date: z.string(),
        counts: z.record(z.string(), z.number()),
        count: z.number(),
        sizeBytes: z.number(),
      }),
    ),
    held: z.array(z.object({ type: z.string(), created: z.string(), keptBy: z.array(z.string()) })),
    leaving: z
      .array(z.object({ filename: z.string(), type: z.string(), date: z.string() }))
      .describe('Which of the backups that are there now go meanwhile; empty without ahead.'),
  })
  .openapi('RetentionSimulated')

export const notificationsTested: z.ZodType<NotificationsTested> = z
  .object({
    success,
    status: z.enum(['sent', 'failed']),
    channels: z.array(
      z.looseObject({
        channel: z.string(),
        kind: z.string(),
        attempts: z.number(),
        durationMs: z.number(),
        status: z.enum(['sent', 'skipped', 'failed']),
        message: z.string().optional(),
        hint: z.string().optional(),
      }),
    ) as unknown as z.ZodType<NotificationsTested['channels']>,
  })
  .openapi('NotificationsTested')

export interface ChannelView {
  readonly name: string
  readonly kind: string
  readonly events: readonly string[] | null
  readonly databases: readonly string[] | null
}

export const channelView: z.ZodType<ChannelView> = z
  .object({
    name: z.string(),
    kind: z.string(),
    events: z.array(z.string()).nullable().describe('Null: the default of its kind.'),
    databases: z.array(z.string()).nullable().describe('Null: all.'),
  })
  .openapi('Channel')
