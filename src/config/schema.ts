import { z } from 'zod'
import { ENCODINGS } from '../catalog/encodings.ts'
import { BUILT_IN_TYPES, isDatabaseName, isTimeZone, isTypeToWrite } from '../catalog/names.ts'
import { encryption, zstd } from './encoding-schema.ts'
import { REDACTIONS } from '../export/model.ts'
import { policySchema } from '../retention/schema.ts'
import { isSize } from '../retention/units.ts'
import type { Config, DatabaseConfig } from './config.ts'
import { notifySchema } from './notify-schema.ts'
import { tellMeant, tellMissing } from './problems.ts'
import { recordOf } from './record.ts'
import { signing } from './signing-schema.ts'
import { targetsSchema } from './targets-schema.ts'
import { cronProblem } from '../schedule/cron.ts'
import { parseDuration } from '../schedule/duration.ts'
import { JOB_KINDS, type JobKind } from '../schedule/jobs.ts'
import { parseShare } from '../schedule/rota.ts'

const path = z
  .string()
  .min(1, 'expected a path')
  .refine(text => !text.includes('\0'), 'a path cannot contain NUL')

const mode = z
  .string()
  .regex(/^0?[0-7]{3}$/, 'expected an octal mode such as "0600"')
  .describe('File mode as an octal string, such as "0600".')

const EXPECTED_SIZE = 'expected bytes, or text such as "10MB"'

const check = z.enum(['none', 'quick', 'full'])

const timeZone = z
  .string()
  .refine(isTimeZone, 'expected an IANA time zone such as "Europe/Berlin"')
  .describe("IANA time zone of the dates in file names; default: the system's.")

const duration = z
  .string()
  .refine(text => parseDuration(text) !== null, 'expected a duration such as "90s", "15m", "36h" or "7d"')

const cron = z
  .string()
  .max(200)
  .superRefine((text, context) => {
    const problem = cronProblem(text)
    if (problem !== null) context.addIssue(`not a cron expression: ${problem}`)
  })

const job = z.strictObject({
  kind: z
    .enum(JOB_KINDS as [JobKind, ...JobKind[]])
    .optional()
    .describe('What it does. Needed unless it is one of the defaults.'),
  cron: cron.optional().describe('When: five fields, or six with seconds in front.'),
  timeZone: timeZone.optional(),
  type: z.string().optional().describe('Type of the backups it makes. Default: its name.'),
  databases: z.array(z.string()).min(1).optional().describe('Which databases. Default: all.'),
  jitter: duration
    .optional()
    .describe('It starts up to so much later, always by the same share. Default: 0s'),
  catchUpWindow: duration
    .optional()
    .describe('A missed run is made up for unless it was due longer ago. Default: 7d'),
  retries: z
    .int()
    .min(0)
    .max(100)
    .optional()
    .describe('How often a failure that may pass is tried again, after 1, 5, 15, 60, … minutes. Default: 4'),
  timeout: duration.optional().describe('It is cancelled after so long. Default: never'),
  maxBackups: z
    .int()
    .positive()
    .optional()
    .describe('Of a verify job: at most so many backups of a database a run. Default: 10'),
  maxTime: duration
    .optional()
    .describe('Of a verify job: no further backup is begun after so long. Default: 1h'),
  copies: z
    .boolean()
    .optional()
    .describe(
      'Of a verify job: read again what lies at the targets, not what lies in the backup directory. Default: false',
    ),
  within: duration
    .optional()
    .describe('With copies: so much a run that everything is read again within this time. Default: 30d'),
  share: z
    .string()
    .refine(text => parseShare(text) !== null, 'expected a share such as "1/30" or "5%"')
    .optional()
    .describe('With copies, instead: so much of the bytes at each target a run.'),
})

const schedule = z.strictObject({
  jobs: recordOf(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected letters, digits, ".", "_" and "-"'),
    z.union([z.literal(false), job], { error: tellMeant('expected a job, or false') }),
  )
    .optional()
    .describe('The jobs by name; false turns off one of the defaults: daily, weekly, cleanup, drill.'),
  maxBackupAge: duration
    .optional()
    .describe('An alarm is raised when the last good backup of a database is older. Default: never'),
  graceTime: duration
    .optional()
    .describe('How long a running job may go on once the scheduler is told to stop. Default: 60s'),
  digest: z
    .union([z.literal(false), cron], { error: tellMeant('expected a cron expression, or false') })
    .optional()
    .describe('When the digest is sent. Default: 0 8 * * 1'),
  log: z
    .strictObject({
      path: path
        .optional()
        .describe(
          'The file, relative to the configuration file. Default: backup_scheduler.log in the (first) backup directory',
        ),
      level: z.enum(['debug', 'info', 'warn', 'error']).optional().describe('Default: info'),
      maxSize: z
        .union([z.int().positive(), z.string().refine(isSize, EXPECTED_SIZE)], EXPECTED_SIZE)
        .optional()
        .describe('It is put aside before it grows beyond this. Default: 10MB'),
      maxDays: z
        .int()
        .positive()
        .optional()
        .describe('Files put aside are removed after so many days. Default: 30'),
    })
    .optional()
    .describe('The log of the scheduler.'),
})

const databaseShape = {
  path: path
    .optional()
    .describe('The SQLite file to protect, relative to the configuration file. Default: data/chame.db'),
  backupDir: path
    .optional()
    .describe('Where its backups are stored, relative to the configuration file. Default: backups'),
  check: check.optional().describe('How deep each new backup is checked: none, quick (default) or full.'),
  keepDamaged: z
    .boolean()
    .optional()
    .describe('Keep an image that fails its check, as <file>.damaged. Default: false'),
  keepLocal: z
    .boolean()
    .optional()
    .describe('Store backups in the backup directory, too; false: at the targets alone. Default: true'),
  encoding: z
    .enum(ENCODINGS)
    .optional()
    .describe('How new backups are stored: plain (default), zstd, zstd+age or blocks.'),
  zstd: zstd.optional(),
  encryption: encryption.optional(),
  export: z
    .strictObject({
      redact: recordOf(z.string(), z.enum(REDACTIONS))
        .optional()
        .describe(
          'What becomes of columns in exports: "table.column" to omit, null, mask, hash, fixed or fake.',
        ),
      sensitiveWords: z
        .array(z.string().min(1))
        .optional()
        .describe('Words that make the name of a column sensitive, beside those that are known.'),
      notSensitive: z
        .array(z.string().min(1))
        .optional()
        .describe('Columns, as "table.column", that are not sensitive whatever they look like.'),
    })
    .optional()
    .describe('What exports leave out.'),
  retention: z
    .strictObject({
      types: policySchema
        .optional()
        .describe(
          'What is kept, by type of backups. Types that are not named keep their default: the last 7 daily, 4 weekly and 5 pre_restore backups, and all others.',
        ),
      maxDeletions: z
        .int()
        .positive()
        .optional()
        .describe('How many backups one cleanup deletes at most. Default: 100'),
    })
    .optional()
    .describe('Which backups a cleanup keeps.'),
}

const types = z.array(
  z
    .string()
    .refine(
      isTypeToWrite,
      'expected lower-case letters, digits and _, starting with a letter, and no "_backup_" in it',
    ),
)

/** Unknown keys are errors, so that a typing mistake is seen. */
export const configSchema: z.ZodType<Config> = z
  .strictObject({
    $schema: z.string().optional().describe('Where editors find this schema.'),
    ...databaseShape,
    databases: recordOf(
      z.string().refine(isDatabaseName, 'expected a name of letters, digits, ".", "_" and "-"'),
      z.strictObject(databaseShape),
    )
      .optional()
      .describe('Several databases by name; what one does not say is taken from the top level.'),
    defaultDatabase: z
      .string()
      .optional()
      .describe('Which of them is meant when none is named. Default: the first.'),
    timeZone: timeZone.optional(),
    backupTypes: types.optional().describe('Types of backups beside manual, daily, weekly and pre_restore.'),
    fileMode: mode.optional().describe('Mode of the files written. Default: "0600"'),
    directoryMode: mode.optional().describe('Mode of the directories made. Default: "0700"'),
    waitForLockMs: z
      .int()
      .nonnegative()
      .optional()
      .describe('How long to wait for a database or catalog in use, in milliseconds. Default: 30000'),
    stallAfterMs: z
      .int()
      .positive()
      .optional()
      .describe(
        'How long a job may show no sign of life before it is given up as stalled, in milliseconds. Default: 1800000',
      ),
    targets: targetsSchema.optional(),
    signing: signing.optional(),
    notify: notifySchema.optional(),
    schedule: schedule.optional().describe('What chame-backup-scheduler does, and when.'),
  })
  .superRefine(requireKnownTypes)
  .describe('Configuration of Chame Backup.')

/** Rules for a type that no backup has would silently do nothing. */
function requireKnownTypes(config: Config, context: z.RefinementCtx<Config>): void {
  const known = [...BUILT_IN_TYPES, ...(config.backupTypes ?? [])]
  const places: [path: string[], Pick<DatabaseConfig, 'retention'>][] = [
    [[], config],
    ...Object.entries(config.databases ?? {}).map(([name, own]): [string[], DatabaseConfig] => [
      ['databases', name],
      own,
    ]),
    ...Object.entries(config.targets ?? {}).map(
      ([name, own]): [string[], Pick<DatabaseConfig, 'retention'>] => [['targets', name], own],
    ),
  ]
  for (const [path, { retention }] of places) {
    for (const type of Object.keys(retention?.types ?? {})) {
      if (known.includes(type)) continue
      const message = `there is no such type: known are ${known.join(', ')}; backupTypes adds others`
      context.addIssue({ code: 'custom', path: [...path, 'retention', 'types', type], message })
    }
  }
}

/** What a configuration file's value says, or every key that is wrong and what it should be. */
export function parseConfig(value: unknown): { readonly config: Config } | { readonly problems: string } {
  const parsed = configSchema.safeParse(value, { error: tellMissing })
  return parsed.success ? { config: parsed.data } : { problems: z.prettifyError(parsed.error) }
}
