/**
 * Checking requests. A module of its own, because zod takes a while to load: long enough for a child
 * process to start beside it.
 */
import { z } from 'zod'
import { CHECK_LEVELS, type CheckLevel } from '../catalog/backup-info.ts'
import { isType } from '../catalog/names.ts'
import { BackupError } from '../errors.ts'
import { FORMATS, REDACTIONS } from '../export/model.ts'
import type { OperationName, Operations } from './operations.ts'

const text = z.string().max(10_000)
const check = z.enum(CHECK_LEVELS as [CheckLevel, ...CheckLevel[]]).optional()
const type = z.string().refine(isType, 'expected a backup type such as "manual"').optional()
const path = z.string().refine(value => !value.includes('\0'), 'a path cannot contain NUL')
const backup = path.min(1, 'expected a path, a file name or "latest"')

const requests = {
  create: z.strictObject({
    backupType: type,
    description: text.optional(),
    createdBy: text.optional(),
    check,
    keepDamaged: z.boolean().optional(),
  }),
  list: z.strictObject({ type, limit: z.int().positive().optional() }),
  restore: z.strictObject({
    backup,
    confirm: z.boolean().optional(),
    to: path.min(1).optional(),
    dryRun: z.boolean().optional(),
  }),
  verify: z.strictObject({ backup, check, record: z.boolean().optional() }),
  info: z.strictObject({}),
  scan: z.strictObject({ from: backup.optional() }),
  export: z.strictObject({
    format: z.enum(FORMATS).optional(),
    includeSensitive: z.boolean().optional(),
    tables: z.array(text).optional(),
    exclude: z.array(text).optional(),
    where: z.record(text, text).optional(),
    from: backup.optional(),
    output: path.min(1).optional(),
    force: z.boolean().optional(),
    compress: z.enum(['zstd', 'gzip']).optional(),
    pretty: z.boolean().optional(),
    zip: z.boolean().optional(),
    csv: z
      .strictObject({
        delimiter: text.optional(),
        null: text.optional(),
        excelSafe: z.boolean().optional(),
      })
      .optional(),
    redact: z.record(text, z.enum(REDACTIONS)).optional(),
    salvage: z.boolean().optional(),
  }),
  import: z.strictObject({
    from: path.min(1, 'expected the path of an export'),
    to: path.min(1, 'expected the path of the new database'),
    format: z.enum(['json', 'ndjson', 'csv', 'sql']).optional(),
  }),
} as const

/** Checks a request that a caller made, possibly without types. Throws `INVALID_ARGUMENT`. */
export function parseRequest<Name extends OperationName>(
  name: Name,
  request: unknown,
): Operations[Name]['request'] {
  const parsed = requests[name].safeParse(request)
  if (parsed.success) return parsed.data as Operations[Name]['request']
  throw new BackupError(
    'INVALID_ARGUMENT',
    `Not a valid request to ${name}: ${z.prettifyError(parsed.error)}`,
    {
      hint: 'Correct the option named above; docs/api.md lists all of them.',
    },
  )
}
