/** Reading state files. Apart from their type, because zod takes a while to load and most runs read none. */
import { z } from 'zod'
import { ERRORS, type ErrorCode } from '../errors.ts'
import { JOB_KINDS, type JobKind } from './jobs.ts'
import type { StateChange } from './state-changes.ts'
import type { DatabaseState, JobState, SchedulerState } from './state.ts'

const instant = z.iso.datetime()
const count = z.int().nonnegative()

const databaseSchema: z.ZodType<DatabaseState> = z.object({
  lastGoodAt: instant.nullable(),
  maxBackupAgeMs: count.nullable(),
  isOverdue: z.boolean(),
  overdueToldAt: instant.nullable(),
  lastDrill: z.object({ at: instant, passed: z.boolean() }).nullable(),
  failuresSinceDigest: count,
})

const jobSchema: z.ZodType<JobState> = z.object({
  job: z.string(),
  database: z.string(),
  kind: z.enum(JOB_KINDS as [JobKind, ...JobKind[]]),
  coveredUntil: instant,
  nextRunAt: instant.nullable(),
  running: z.object({ dueAt: instant, startedAt: instant, attempt: count }).nullable(),
  retry: z.object({ dueAt: instant, at: instant, attempts: count }).nullable(),
  lastRun: z
    .object({
      dueAt: instant,
      startedAt: instant,
      endedAt: instant,
      outcome: z.enum(['succeeded', 'retrying', 'failed', 'cancelled', 'interrupted']),
      attempts: count,
      summary: z.string().nullable(),
      failure: z
        .object({
          code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
          message: z.string(),
          hint: z.string().optional(),
        })
        .nullable(),
    })
    .nullable(),
  lastSuccessAt: instant.nullable(),
  failingSince: instant.nullable(),
  lastGap: z.object({ from: instant, to: instant, missedRuns: count }).nullable(),
})

const stateSchema: z.ZodType<SchedulerState> = z.object({
  schema: z.literal(1),
  updatedAt: instant,
  scheduler: z.object({
    pid: z.int(),
    host: z.string(),
    startedAt: instant,
    stoppedAt: instant.nullable(),
  }),
  digestedAt: instant,
  databases: z.record(z.string(), databaseSchema),
  jobs: z.array(jobSchema),
  // It becomes part of a path.
  changes: z
    .string()
    .regex(/^[0-9a-f]{12}$/)
    .optional(),
})

const changeSchema: z.ZodType<StateChange> = z.object({
  updatedAt: instant,
  databases: z.record(z.string(), databaseSchema),
  jobs: z.array(jobSchema),
})

/** Null for a text that is no state of ours, whole: it is rebuilt then, never mended. */
export function parseState(text: string): SchedulerState | null {
  return parseBy(stateSchema, text)
}

/** Null for a line that is no change of ours, whole. */
export function parseChange(line: string): StateChange | null {
  return parseBy(changeSchema, line)
}

function parseBy<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    const parsed = schema.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
