/** What look inside, queries and comparisons answer. */
import { z } from '@hono/zod-openapi'
import type {
  BackupLookedInside,
  BackupQueried,
  BackupsCompared,
  Cell,
  MaskedColumn,
  RowsRead,
} from '../../index.ts'
import { backupInfo } from './backups.ts'
import { mayLack, orNull } from './common.ts'

const success = z.literal(true)
const durationMs = z.number()

const cell: z.ZodType<Cell> = z
  .union([
    z.null(),
    z.number(),
    z.string(),
    z.object({ $integer: z.string() }),
    z.object({ $real: z.string() }),
    z.object({ $text: z.string(), bytes: z.number(), base64: mayLack(z.literal(true)) }),
    z.object({ $blob: z.string(), bytes: z.number() }),
    z.object({ $masked: z.literal(true) }),
  ])
  .openapi('Cell', {
    description:
      'NULL, an integer of up to 2^53 - 1, a real with a fraction, or a text; any other value is an object whose one key says what it is.',
  })

const masked: z.ZodType<MaskedColumn> = z
  .object({ table: z.string(), column: z.string(), why: z.string() })
  .openapi('MaskedColumn')

const table = z
  .object({
    name: z.string(),
    kind: z.enum(['table', 'view', 'virtual', 'shadow', 'internal']),
    rows: z.number().nullable(),
    columns: z
      .array(
        z.object({
          name: z.string(),
          type: z.string(),
          notNull: z.boolean(),
          primaryKey: z.number(),
          generated: z.boolean(),
          sensitive: z.object({ why: z.string() }).nullable(),
        }),
      )
      .nullable(),
    sql: z.string(),
    indexes: z.array(
      z.object({
        name: z.string(),
        unique: z.boolean(),
        columns: z.array(z.string().nullable()),
        sql: z.string().nullable(),
      }),
    ),
    triggers: z.array(z.string()),
    readable: z.boolean(),
  })
  .openapi('Table')

export const lookedInside: z.ZodType<BackupLookedInside> = z
  .object({
    success,
    backup: backupInfo,
    settings: z.object({
      page_size: z.number(),
      encoding: z.enum(['UTF-8', 'UTF-16le', 'UTF-16be']),
      auto_vacuum: z.number(),
      user_version: z.number(),
      application_id: z.number(),
      journal_mode: z.enum(['wal', 'delete']),
    }),
    sqliteVersion: z.string(),
    tables: z.array(table),
    durationMs,
  })
  .openapi('BackupLookedInside')

export const rowsRead: z.ZodType<RowsRead> = z
  .object({
    success,
    backup: backupInfo,
    table: z.string(),
    columns: z.array(z.string()),
    rows: z.array(z.array(cell)),
    masked: z.array(masked),
    total: z.number().nullable(),
    hasMore: z.boolean(),
    durationMs,
  })
  .openapi('RowsRead')

export const backupQueried: z.ZodType<BackupQueried> = z
  .object({
    success,
    backup: backupInfo,
    columns: z.array(z.string()),
    rows: z.array(z.array(cell)),
    masked: z.array(masked),
    truncated: z.enum(['rows', 'bytes']).nullable(),
    durationMs,
  })
  .openapi('BackupQueried')

const side = z
  .object({
    kind: z.enum(['database', 'backup']),
    path: z.string(),
    backup: orNull(backupInfo),
  })
  .openapi('ComparedSide')

export const backupsCompared: z.ZodType<BackupsCompared> = z
  .object({
    success,
    from: side,
    to: side,
    status: z.enum(['equal', 'different', 'incomplete']),
    tables: z.array(
      z.object({
        name: z.string(),
        status: z.enum(['added', 'removed', 'compared', 'not-compared']),
        why: z.string().nullable(),
        matchedBy: z.enum(['primary key', 'rowid', 'whole row']).nullable(),
        added: z.number(),
        removed: z.number(),
        changed: z.number(),
        unchanged: z.number(),
        columns: z.object({
          added: z.array(z.string()),
          removed: z.array(z.string()),
          changed: z.array(z.string()),
        }),
      }),
    ),
    objects: z.array(
      z.object({
        type: z.enum(['table', 'index', 'trigger', 'view', 'virtual table']),
        name: z.string(),
        change: z.enum(['added', 'removed', 'changed']),
      }),
    ),
    rows: z
      .object({
        table: z.string(),
        columns: z.array(z.string()),
        rows: z.array(
          z.object({
            change: z.enum(['added', 'removed', 'changed']),
            before: z.array(cell).nullable(),
            after: z.array(cell).nullable(),
            changedColumns: z.array(z.string()),
          }),
        ),
        masked: z.array(masked),
        hasMore: z.boolean(),
      })
      .nullable(),
    durationMs,
  })
  .openapi('BackupsCompared')
