/** What is read out of a database or a backup: tables, rows, comparisons, exports. */
import { z } from '@hono/zod-openapi'
import type { DataExported, SensitiveScan } from '../../index.ts'

const success = z.literal(true)

export const dataExported: z.ZodType<DataExported> = z
  .object({
    success,
    format: z.enum(['json', 'ndjson', 'csv', 'sql', 'parquet']),
    exportPath: z.string(),
    files: z.array(z.string()),
    rows: z.number(),
    bytes: z.number(),
    tables: z.record(z.string(), z.number()),
    sensitive: z.boolean(),
    redacted: z.array(
      z.object({
        table: z.string(),
        column: z.string(),
        how: z.enum(['omit', 'null', 'mask', 'hash', 'fixed', 'fake']),
      }),
    ),
    leftOut: z.array(
      z.object({
        type: z.enum(['table', 'index', 'view', 'trigger']),
        name: z.string(),
        why: z.string(),
      }),
    ),
    lost: z.array(z.object({ table: z.string(), what: z.string(), why: z.string() })),
    durationMs: z.number(),
  })
  .openapi('DataExported')

export const sensitiveScan: z.ZodType<SensitiveScan> = z
  .object({
    success,
    findings: z.array(
      z.object({
        table: z.string(),
        column: z.string(),
        why: z.string(),
        confidence: z.enum(['certain', 'likely']),
        by: z.enum(['name', 'content']),
      }),
    ),
    tables: z.number(),
    columns: z.number(),
    durationMs: z.number(),
  })
  .openapi('SensitiveScan')

/** An export in the backup directory. */
export interface StoredExportView {
  name: string
  sizeBytes: number
  created: string
  format: string
  sensitive: boolean
}

export const storedExport: z.ZodType<StoredExportView> = z
  .object({
    name: z.string().describe('File name.'),
    sizeBytes: z.number(),
    created: z.string(),
    format: z.string().describe('What its name says: "json", "csv.zip", …'),
    sensitive: z
      .boolean()
      .describe('Whether sensitive columns may be in it as they are: true unless its name says otherwise.'),
  })
  .openapi('StoredExport')
