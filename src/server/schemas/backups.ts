/** What the operations on backups answer, as HTTP says it: the library's own types, held to by their names. */
import { z } from '@hono/zod-openapi'
import type {
  BackupCreated,
  BackupDecision,
  BackupDeleted,
  BackupDrilled,
  BackupInfo,
  BackupPinned,
  BackupRestored,
  BackupsCleanedUp,
  BackupVerified,
  KeepReason,
  Metadata,
  RestorePlan,
  TargetCleanup,
  TargetCopy,
} from '../../index.ts'
import { errorCode, failure, mayLack, orNull } from './common.ts'

const instant = z.string().describe('UTC, ISO 8601.')

const encoding = z.enum(['plain', 'zstd', 'zstd+age', 'blocks'])

const metadata: z.ZodType<Metadata> = z
  .looseObject({
    timestamp: z.string(),
    backup_type: z.string(),
    database_version: z.string(),
    file_size: z.number(),
    checksum: z.string(),
    description: z.string(),
    created_by: z.string(),
    schema: z.literal(1).optional(),
    created_at: instant.optional(),
    database: z.string().optional(),
    image_size: z.number().optional(),
    image_checksum: z.string().optional(),
    page_size: z.number().optional(),
    encoding: encoding.optional(),
    journal_mode: z.string().optional(),
    sqlite_version: z.string().optional(),
    tables: z.record(z.string(), z.number()).optional(),
    check: z.enum(['none', 'quick', 'full']).optional(),
    unchecked: z.array(z.string()).optional(),
    verified_at: instant.nullable().optional(),
    damaged_at: instant.optional(),
    damaged_as_stored: z.literal(true).optional(),
    duration_ms: z.number().optional(),
    pinned: z.object({ reason: z.string(), by: z.string(), at: instant }).optional(),
    added_bytes: z.number().optional(),
    encrypted: z.literal(true).optional(),
    copies: z
      .record(
        z.string(),
        z
          .object({
            at: instant,
            size: z.number(),
            verified_at: instant.optional(),
            damaged_at: instant.optional(),
          })
          .nullable(),
      )
      .optional()
      .describe('What targets have of it; null: it was deleted there on purpose.'),
    last_drill: z.object({ at: instant, passed: z.boolean(), duration_ms: z.number() }).optional(),
    signature: z.object({ by: z.string(), value: z.string() }).optional(),
  })
  .openapi('Metadata')

export const backupInfo: z.ZodType<BackupInfo> = z
  .object({
    filename: z.string(),
    path: z.string(),
    type: z.string(),
    database: z.string().nullable(),
    created: instant,
    size: z.number(),
    checksum: z.string().nullable(),
    description: z.string().nullable(),
    createdBy: z.string().nullable(),
    databaseVersion: z.string().nullable(),
    encoding,
    target: z.string().nullable(),
    copies: z.array(z.string()),
    pinned: z.object({ reason: z.string(), by: z.string(), at: instant }).nullable(),
    signature: z
      .enum(['valid', 'missing', 'unknown-key', 'wrong'])
      .nullable()
      .describe('Null: the configuration trusts no keys, so that nobody looked.'),
    metadataState: z.enum(['ok', 'missing', 'invalid']),
    metadataProblem: z.string().nullable(),
    metadata: orNull(metadata),
  })
  .openapi('Backup')

export const checkLevel: z.ZodType<'none' | 'quick' | 'full'> = z.enum(['none', 'quick', 'full'])

const success = z.literal(true)
const durationMs = z.number()

const targetCopy: z.ZodType<TargetCopy> = z
  .object({
    name: z.string(),
    status: z.enum(['copied', 'failed']),
    filename: z.string().nullable(),
    bytes: z.number(),
    durationMs,
    code: mayLack(errorCode),
    message: mayLack(z.string()),
    hint: mayLack(z.string()),
    anchorProblem: mayLack(z.string()),
  })
  .openapi('TargetCopy')

export const backupCreated: z.ZodType<BackupCreated> = z
  .object({
    success,
    backupPath: z.string(),
    filename: z.string(),
    metadata,
    snapshotWay: z.enum(['wal', 'rollback', 'recovered', 'quiescent', 'unchanged']),
    targets: z.array(targetCopy),
    durationMs,
  })
  .openapi('BackupCreated')

const verifyProblem = z
  .object({
    code: z.enum([
      'SIZE_DIFFERS',
      'CHECKSUM_DIFFERS',
      'METADATA_INVALID',
      'NOT_DECODABLE',
      'NOT_A_DATABASE',
      'INTEGRITY',
    ]),
    message: z.string(),
  })
  .openapi('VerifyProblem')

export const backupVerified: z.ZodType<BackupVerified> = z
  .object({
    success,
    status: z.enum(['intact', 'damaged']),
    problems: z.array(verifyProblem),
    backup: backupInfo,
    checksum: z.string(),
    checksumCompared: z.boolean(),
    lookedAt: z.enum(['image', 'stored-file']),
    check: checkLevel,
    unchecked: z.array(z.string()),
    recorded: z.boolean(),
    durationMs,
  })
  .openapi('BackupVerified')

export const backupDrilled: z.ZodType<BackupDrilled> = z
  .object({
    success,
    status: z.enum(['passed', 'failed']),
    backup: backupInfo,
    checks: z.array(
      z.object({
        name: z.enum(['signature', 'stored-file', 'restore', 'integrity', 'row-counts']),
        status: z.enum(['passed', 'failed', 'skipped']),
        message: z.string(),
      }),
    ),
    rowCounts: z.array(
      z.object({ table: z.string(), recorded: z.number().nullable(), found: z.number().nullable() }),
    ),
    integrity: z.object({
      level: z.literal('full'),
      problems: z.array(verifyProblem),
      unchecked: z.array(z.string()),
    }),
    bytes: z.number(),
    restoreMs: z.number().nullable(),
    durationMs,
    scratchDirectory: z.string(),
    scratchRemoved: z.boolean(),
    recorded: z.boolean(),
    notes: z.array(z.string()),
  })
  .openapi('BackupDrilled')

const restorePlanShape = {
  success,
  dryRun: z.literal(true),
  backup: backupInfo,
  database: z.string(),
  targetPath: z.string(),
  target: z.enum(['missing', 'database', 'unreadable']),
  targetSizeBytes: z.number(),
  way: z.enum(['transaction', 'replace']),
  neededBytes: z.number(),
  preRestoreBackup: z.boolean(),
  durationMs,
}

/** A plan, and by which id it may be carried out. */
export interface PlanIssued {
  plan: string
  expiresAt: string
}

const issued = {
  plan: z.string().describe('Id of this plan; whoever carries it out gives it.'),
  expiresAt: instant.describe('When the plan is no longer taken.'),
}

export const restorePlanned: z.ZodType<RestorePlan & PlanIssued> = z
  .object({ ...restorePlanShape, ...issued })
  .openapi('RestorePlanned')

export const backupRestored: z.ZodType<BackupRestored> = z
  .object({
    success,
    dryRun: z.literal(false),
    backup: backupInfo,
    targetPath: z.string(),
    way: z.enum(['transaction', 'replace']),
    preRestoreBackup: orNull(backupInfo),
    keptFiles: z.array(z.string()),
    comparison: z.enum(['equal', 'changed-since', 'not-compared']),
    journalMode: z.string(),
    notes: z.array(z.string()),
    durationMs,
  })
  .openapi('BackupRestored')

const packsCollected = z
  .object({
    status: z.enum(['done', 'refused', 'busy', 'failed']),
    problem: z.string().nullable(),
    freedBytes: z.number(),
    removedPacks: z.number(),
    rewrittenPacks: z.number(),
  })
  .openapi('PacksCollected')

export const backupDeleted: z.ZodType<BackupDeleted> = z
  .object({ success, backup: backupInfo, freedBytes: z.number(), packs: orNull(packsCollected), durationMs })
  .openapi('BackupDeleted')

export const backupPinned: z.ZodType<BackupPinned> = z
  .object({ success, backup: backupInfo })
  .openapi('BackupPinned')

const decision: z.ZodType<BackupDecision> = z
  .object({
    backup: backupInfo,
    // A closed set in the library; here as text, because each rule of a policy is one.
    keptBy: z.array(z.string() as unknown as z.ZodType<KeepReason>),
    why: z.string().describe('A sentence: why it is kept, or why not.'),
  })
  .openapi('BackupDecision')

const placeShape = {
  problem: z.string().nullable(),
  deleted: z.array(decision),
  kept: z.array(decision),
  failed: z.array(z.object({ backup: backupInfo, message: z.string() })),
  freedBytes: z.number(),
  packs: orNull(packsCollected),
  left: z.number(),
  finished: z.array(z.string()),
}

const targetCleanup: z.ZodType<TargetCleanup> = z
  .object({
    ...placeShape,
    target: z.string(),
    status: z.enum(['done', 'incomplete', 'refused', 'failed', 'skipped']),
    failure: orNull(failure),
  })
  .openapi('TargetCleanup')

const cleanedShape = {
  ...placeShape,
  success,
  dryRun: z.boolean(),
  status: z.enum(['done', 'incomplete', 'refused']),
  targets: z.array(targetCleanup),
  durationMs,
}

export const backupsCleanedUp: z.ZodType<BackupsCleanedUp> = z
  .object(cleanedShape)
  .openapi('BackupsCleanedUp')

export const cleanupPlanned: z.ZodType<BackupsCleanedUp & PlanIssued> = z
  .object({ ...cleanedShape, ...issued })
  .openapi('CleanupPlanned')
