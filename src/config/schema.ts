import { z } from 'zod'
import { BUILT_IN_TYPES, isDatabaseName, isTimeZone, isType } from '../catalog/names.ts'
import { REDACTIONS } from '../export/model.ts'
import { policySchema } from '../retention/schema.ts'
import type { Config, DatabaseConfig } from './config.ts'
import { notifySchema } from './notify-schema.ts'

const path = z
  .string()
  .min(1, 'expected a path')
  .refine(text => !text.includes('\0'), 'a path cannot contain NUL')

const mode = z
  .string()
  .regex(/^0?[0-7]{3}$/, 'expected an octal mode such as "0600"')
  .describe('File mode as an octal string, such as "0600".')

const check = z.enum(['none', 'quick', 'full'])

const timeZone = z
  .string()
  .refine(isTimeZone, 'expected an IANA time zone such as "Europe/Berlin"')
  .describe("IANA time zone of the dates in file names; default: the system's.")

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
  export: z
    .strictObject({
      redact: z
        .record(z.string(), z.enum(REDACTIONS))
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
  z.string().refine(isType, 'expected lower-case letters, digits and _, starting with a letter'),
)

/** Unknown keys are errors, so that a typing mistake is seen. */
export const configSchema: z.ZodType<Config> = z
  .strictObject({
    $schema: z.string().optional().describe('Where editors find this schema.'),
    ...databaseShape,
    databases: z
      .record(
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
    notify: notifySchema.optional(),
  })
  .superRefine(requireKnownTypes)
  .describe('Configuration of Chame Backup.')

/** Rules for a type that no backup has would silently do nothing. */
function requireKnownTypes(config: Config, context: z.RefinementCtx<Config>): void {
  const known = [...BUILT_IN_TYPES, ...(config.backupTypes ?? [])]
  const places: [path: string[], DatabaseConfig][] = [
    [[], config],
    ...Object.entries(config.databases ?? {}).map(([name, own]): [string[], DatabaseConfig] => [
      ['databases', name],
      own,
    ]),
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
  const parsed = configSchema.safeParse(value)
  return parsed.success ? { config: parsed.data } : { problems: z.prettifyError(parsed.error) }
}
