import { z } from 'zod'
import type { CheckLevel } from '../catalog/backup-info.ts'
import { isDatabaseName, isType } from '../catalog/names.ts'

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

/** What may be said for every database, and for one. */
export interface DatabaseConfig {
  path?: string | undefined
  backupDir?: string | undefined
  check?: CheckLevel | undefined
  keepDamaged?: boolean | undefined
}

/** The configuration file. */
export interface Config extends DatabaseConfig {
  $schema?: string | undefined
  databases?: Record<string, DatabaseConfig> | undefined
  defaultDatabase?: string | undefined
  timeZone?: string | undefined
  backupTypes?: string[] | undefined
  fileMode?: string | undefined
  directoryMode?: string | undefined
  waitForLockMs?: number | undefined
}

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
  })
  .describe('Configuration of Chame Backup.')

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    return true
  } catch {
    return false
  }
}
