import { z } from '@hono/zod-openapi'
import type { Info } from '../../index.ts'
import { backupInfo } from './backups.ts'
import { orNull } from './common.ts'
import { jobState } from './schedule.ts'

/** In plain words how well a database is protected. */
export interface Verdict {
  readonly status: 'protected' | 'at-risk' | 'failing'
  /** Sentences; the first is the reason for the status. */
  readonly reasons: readonly string[]
}

const verdict: z.ZodType<Verdict> = z
  .object({
    status: z.enum(['protected', 'at-risk', 'failing']),
    reasons: z.array(z.string()).describe('Sentences; the first is the reason for the status.'),
  })
  .openapi('Verdict')

export interface DatabaseSummary {
  readonly name: string
  readonly isDefault: boolean
  readonly path: string
  readonly backupDir: string
  readonly primaryTarget: string | null
}

export const databaseSummary: z.ZodType<DatabaseSummary> = z
  .object({
    name: z.string(),
    isDefault: z.boolean(),
    path: z.string(),
    backupDir: z.string(),
    primaryTarget: z
      .string()
      .nullable()
      .describe('The target whose backups are meant where none is named; null: those in backupDir.'),
  })
  .openapi('DatabaseSummary')

const info = {
  success: z.literal(true),
  name: z.string(),
  databasePath: z.string(),
  database: z
    .object({
      sizeBytes: z.number(),
      walBytes: z.number(),
      pageSize: z.number(),
      pageCount: z.number(),
      freePages: z.number(),
      journalMode: z.string(),
      encoding: z.string(),
      userVersion: z.number(),
      sqliteVersion: z.string(),
      tables: z.array(z.object({ name: z.string(), rows: z.number().nullable() })),
    })
    .nullable(),
  databaseProblem: z.string().nullable(),
  backupDir: z.string(),
  target: z.string().nullable(),
  targets: z.array(
    z.object({
      target: z.string(),
      count: z.number(),
      lacking: z.number(),
      damaged: z.number(),
      verifiedAt: z.string().nullable(),
      newest: z.string().nullable(),
    }),
  ),
  store: z.object({ packs: z.number(), sizeBytes: z.number() }).nullable(),
  backups: z.object({
    count: z.number(),
    sizeBytes: z.number(),
    byType: z.array(
      z.object({
        type: z.string(),
        count: z.number(),
        sizeBytes: z.number(),
        newest: z.string().nullable(),
      }),
    ),
    newest: orNull(backupInfo),
    newestAgeMs: z.number().nullable(),
    growthBytesPerDay: z.number().nullable(),
    lastDrill: z
      .object({ at: z.string(), passed: z.boolean(), duration_ms: z.number(), filename: z.string() })
      .nullable(),
    lastGood: orNull(backupInfo),
    lastGoodAgeMs: z.number().nullable(),
    untrusted: z
      .number()
      .nullable()
      .describe('How many no trusted key has signed; null where none is trusted.'),
  }),
  maxBackupAgeMs: z.number().nullable(),
  isOverdue: z.boolean(),
  warnings: z
    .array(z.string())
    .describe('What should be known about the keys that new backups are encrypted to.'),
  schedule: z
    .object({
      updatedAt: z.string(),
      scheduler: z.object({
        pid: z.number(),
        host: z.string(),
        startedAt: z.string(),
        stoppedAt: z.string().nullable(),
      }),
      jobs: z.array(jobState),
    })
    .nullable(),
  disk: z.object({ freeBytes: z.number(), nextBackupBytes: z.number(), fits: z.number() }),
}

export const databaseView: z.ZodType<Info & { readonly verdict: Verdict }> = z
  .object({ ...info, verdict })
  .openapi('Database')

/** The backups of one day. */
export interface DayView {
  /** "2025-06-27", in the time zone of the database. */
  readonly date: string
  readonly backups: number
  readonly sizeBytes: number
  /** Bytes of the database as of the last backup of the day; null where no metadata says it. */
  readonly imageBytes: number | null
  /** Backups whose last check found damage. */
  readonly damaged: number
}

export const dayView: z.ZodType<DayView> = z
  .object({
    date: z.string().describe('"2025-06-27", in the time zone of the database.'),
    backups: z.number(),
    sizeBytes: z.number(),
    imageBytes: z
      .number()
      .nullable()
      .describe('Bytes of the database as of the last backup of the day; null where no metadata says it.'),
    damaged: z.number().describe('Backups whose last check found damage.'),
  })
  .openapi('Day')
