/**
 * Checking requests. A module of its own, because zod takes a while to load: long enough for a child
 * process to start beside it.
 */
import { z } from 'zod'
import { CHECK_LEVELS, type CheckLevel } from '../catalog/backup-info.ts'
import { ENCODINGS } from '../catalog/encodings.ts'
import { isType } from '../catalog/names.ts'
import { tellMissing } from '../config/problems.ts'
import { recordOf } from '../config/record.ts'
import { BackupError } from '../errors.ts'
import { FORMATS, REDACTIONS } from '../export/model.ts'
import { policySchema, spanSchema } from '../retention/schema.ts'
import type { OperationName, Operations } from './operations.ts'

const text = z.string().max(10_000)
const check = z.enum(CHECK_LEVELS as [CheckLevel, ...CheckLevel[]]).optional()
const type = z.string().refine(isType, 'expected a backup type such as "manual"').optional()
const path = z.string().refine(value => !value.includes('\0'), 'a path cannot contain NUL')
/** Whether there is one of that name, only the configuration says. */
const target = z.string().min(1).max(64).optional()
const identity = path.min(1, 'expected the path of an identity file').optional()
const image = path.min(1).optional()
const acceptUnsigned = z.boolean().optional()
const backup = path.min(1, 'expected a path, a file name or "latest"')
const table = text.min(1, 'expected the name of a table')
/** Not zod's own record, which leaves `__proto__` out: a table may be called that, and a condition on it must not be lost. */
const byTable = z
  .preprocess(
    value => (typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : value),
    z.map(text, text, 'expected a condition for each table'),
  )
  .transform(conditions => Object.fromEntries(conditions))
const offset = z.int().nonnegative().optional()
/** Longer than anyone types, and short enough to be parsed at once. */
const sql = z
  .string()
  .max(100_000)
  .refine(value => value.isWellFormed() && !value.includes('\0'), 'expected SQL without NUL')

/**
 * Refuses keys without the one that they say something of, each with the words for it: what was passed over in silence would
 * be believed to have been heeded.
 */
function refuseAlone<Schema extends z.ZodObject>(
  schema: Schema,
  needs: Readonly<Record<string, readonly [needed: string, what: string]>>,
): Schema {
  return schema.check(({ value, issues }) => {
    for (const [key, [needed, what]] of Object.entries(needs)) {
      // What is false asks for nothing.
      if (value[key] === undefined || value[key] === false || value[needed] !== undefined) continue
      issues.push({ code: 'custom', input: value[key], path: [key], message: `needs ${needed}, ${what}` })
    }
  })
}

/** Without it the live database would be read, which has neither. */
const OF_A_BACKUP = {
  identity: ['from', 'the backup that it opens'],
  target: ['from', 'the backup that is there'],
} as const

const retention = {
  dailyKeep: z.int().nonnegative().optional(),
  weeklyKeep: z.int().nonnegative().optional(),
  policy: policySchema.optional(),
  type,
}

const requests = {
  create: z.strictObject({
    backupType: type,
    description: text.optional(),
    createdBy: text.optional(),
    check,
    keepDamaged: z.boolean().optional(),
    copy: z.boolean().optional(),
    encoding: z.enum(ENCODINGS).optional(),
  }),
  sync: z.strictObject({ target }),
  add: z.strictObject({
    from: path.min(1, 'expected the path of a file'),
    backupType: type,
    description: text.optional(),
    createdBy: text.optional(),
    createdAt: text.optional(),
  }),
  list: z.strictObject({ type, limit: z.int().positive().optional(), target }),
  restore: z.strictObject({
    backup,
    confirm: z.boolean().optional(),
    to: path.min(1).optional(),
    dryRun: z.boolean().optional(),
    check,
    identity,
    target,
    acceptUnsigned,
  }),
  verify: z.strictObject({ backup, check, record: z.boolean().optional(), identity, target }),
  verifyStore: z.strictObject({
    sample: text.optional(),
    time: text.optional(),
    identity,
  }),
  verifyCopies: z.strictObject({
    target,
    within: text.optional(),
    sample: text.optional(),
    time: text.optional(),
  }),
  repair: z.strictObject({ backups: z.array(backup).min(1).optional(), identity, target }),
  drill: z.strictObject({ backup, scratchDir: path.min(1).optional(), identity, target, acceptUnsigned }),
  info: z.strictObject({ target }),
  checkKeys: z.strictObject({ identity, passphraseFile: path.min(1).optional(), target }),
  describe: z.strictObject({}),
  scan: refuseAlone(z.strictObject({ from: backup.optional(), identity, target }), OF_A_BACKUP),
  export: refuseAlone(
    z.strictObject({
      format: z.enum(FORMATS).optional(),
      includeSensitive: z.boolean().optional(),
      tables: z.array(text).optional(),
      exclude: z.array(text).optional(),
      where: byTable.optional(),
      from: backup.optional(),
      identity,
      target,
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
      redact: recordOf(text, z.enum(REDACTIONS)).optional(),
      salvage: z.boolean().optional(),
    }),
    { ...OF_A_BACKUP, force: ['output', 'the file that it may replace'] },
  ),
  import: z.strictObject({
    from: path.min(1, 'expected the path of an export'),
    to: path.min(1, 'expected the path of the new database'),
    format: z.enum(['json', 'ndjson', 'csv', 'sql']).optional(),
  }),
  cleanup: z.strictObject({
    ...retention,
    dryRun: z.boolean().optional(),
    maxDeletions: z.int().positive().optional(),
    target,
    planned: z.array(text).optional(),
  }),
  simulate: z.strictObject({ ...retention, span: spanSchema.optional(), ahead: z.boolean().optional() }),
  delete: z.strictObject({
    backup,
    confirm: z.boolean().optional(),
    force: z.boolean().optional(),
    target,
  }),
  convert: z.strictObject({
    backups: z.array(backup).min(1).optional(),
    encoding: z.enum(ENCODINGS).optional(),
    identity,
    acceptUnsigned,
  }),
  pin: z.strictObject({
    backup,
    reason: text.trim().min(1, 'expected why it must stay'),
    by: text.optional(),
    target,
  }),
  unpin: z.strictObject({ backup, target }),
  unpack: z.strictObject({ backup, to: path.min(1) }),
  look: z.strictObject({ backup, identity, target, image }),
  rows: z.strictObject({
    backup,
    identity,
    target,
    image,
    table,
    limit: z.int().min(1).max(500).optional(),
    offset,
    search: text.optional(),
    orderBy: text.optional(),
    descending: z.boolean().optional(),
    includeSensitive: z.boolean().optional(),
  }),
  query: z.strictObject({
    backup,
    identity,
    target,
    image,
    sql,
    limit: z.int().min(1).max(1_000).optional(),
    timeLimitMs: z.int().min(1).max(30_000).optional(),
    includeSensitive: z.boolean().optional(),
  }),
  compare: z.strictObject({
    backup,
    identity,
    target,
    image,
    with: backup.optional(),
    withImage: image,
    table: table.optional(),
    limit: z.int().min(1).max(500).optional(),
    offset,
    includeSensitive: z.boolean().optional(),
  }),
  verifyAudit: z.strictObject({
    targets: z.union([z.literal('all'), z.array(z.string().min(1).max(64)).max(100)]).optional(),
  }),
  note: z.strictObject({ facts: z.looseObject({}), unwritten: z.int().nonnegative() }),
} as const

/** Checks a request that a caller made, possibly without types. Throws `INVALID_ARGUMENT`. */
export function parseRequest<Name extends OperationName>(
  name: Name,
  request: unknown,
): Operations[Name]['request'] {
  const parsed = requests[name].safeParse(request, { error: tellMissing })
  if (parsed.success) return parsed.data as Operations[Name]['request']
  throw new BackupError(
    'INVALID_ARGUMENT',
    `Not a valid request to ${name}: ${z.prettifyError(parsed.error)}`,
    {
      hint: 'Correct the option named above; docs/api.md lists all of them.',
    },
  )
}
