/** Changing the configuration file from a program: one of JSON, in one step, and only to something that is valid. */
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { WorkDirectory } from '../catalog/work-directory.ts'
import type { Config } from '../config/config.ts'
import type { LoadedConfig } from '../config/load.ts'
import { parseConfig } from '../config/schema.ts'
import { BackupError, toFailure } from '../errors.ts'
import type { RetentionPolicy } from '../retention/policy.ts'
import { resolveJobs } from '../schedule/jobs.ts'
import { renameDurably, writeNewFile } from '../storage/durable.ts'
import { unlessMissing } from '../storage/io-errors.ts'
import { editableOf, editedFile, versionOf } from './editable.ts'
import type { EditSettingsRequest, SettingsEdited } from './file-reports.ts'

const DEFAULT_INDENT = '  '
const DURABLE = { isDurable: true } as const

/**
 * Writes what is asked for into the configuration file, or into a new one where there is none. All else in it stays, `$schema`
 * and the order of keys too; its indentation stays as far as it is the same everywhere. Whoever is killed here, it is the old
 * or the new. Throws `READ_ONLY` for a configuration that this program cannot change, `INVALID_ARGUMENT` for what would not be
 * valid, `CATALOG_LOCKED` for one that somebody has changed since `version` was asked for.
 *
 * @param database whose retention it is
 */
export async function editSettings(
  request: EditSettingsRequest,
  { loaded, database }: { readonly loaded: LoadedConfig; readonly database: string },
): Promise<SettingsEdited> {
  const { why } = await editableOf(loaded)
  if (why !== null) {
    throw new BackupError('READ_ONLY', why, {
      hint: 'Programs can edit a configuration of JSON (chame-backup.config.json) in a directory that they may write to.',
    })
  }
  const file = await editedFile(loaded)
  const before = await readText(file)
  // Looked at after it was read: whoever changes it from here on is noticed below.
  if (
    request.version !== undefined &&
    request.version !== (await versionOf(loaded.directory, loaded.file ?? undefined))
  ) {
    throw changedMeanwhile(file)
  }
  const value = parse(file, before ?? '{}')
  const after = print(edited(value, request, database), before)
  requireValid(file, after)
  if (after === before) return { success: true, file, changed: false }
  await replaceText(file, before, after)
  return { success: true, file, changed: true }
}

/** What is loaded, with the retention that an edit would write into it. Pure. */
export function withRetention(loaded: LoadedConfig, types: RetentionPolicy, database: string): LoadedConfig {
  return { ...loaded, config: edited({ ...loaded.config }, { retention: { types } }, database) as Config }
}

type Json = Record<string, unknown>

function edited(config: Json, { retention, schedule }: EditSettingsRequest, database: string): Json {
  requireObjects({ retention, schedule })
  const databases = objectAt(config, 'databases')
  const withSchedule =
    schedule === undefined
      ? config
      : {
          ...config,
          schedule: { ...without(objectAt(config, 'schedule') ?? {}, SCHEDULE_KEYS), ...schedule },
        }
  if (retention === undefined) return withSchedule
  const own = databases === null ? null : objectAt(databases, database)
  if (databases === null || own === null) {
    return { ...withSchedule, retention: { ...objectAt(config, 'retention'), ...retention } }
  }
  const changed = { ...own, retention: { ...objectAt(own, 'retention'), ...retention } }
  return { ...withSchedule, databases: { ...databases, [database]: changed } }
}

/** Of anything else nothing would be written, and what it replaces would be gone. */
function requireObjects(settings: Json): void {
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || objectAt(settings, name) !== null) continue
    throw new BackupError('INVALID_ARGUMENT', `Not settings of the ${name}: ${JSON.stringify(value)}`, {
      hint: 'Give an object with what is to hold. Nothing was changed.',
    })
  }
}

/** What an edit of the schedule replaces; the log stays. */
const SCHEDULE_KEYS: readonly string[] = ['jobs', 'maxBackupAge', 'graceTime', 'digest']

function without(value: Json, keys: readonly string[]): Json {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)))
}

function objectAt(value: Json, key: string): Json | null {
  const found = Object.hasOwn(value, key) ? value[key] : undefined
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Json) : null
}

/** In the form of what was there before. */
function print(config: Json, before: string | null): string {
  const indent = /\n([ \t]+)"/.exec(before ?? '')?.[1] ?? DEFAULT_INDENT
  const end = before === null || before.endsWith('\n') ? '\n' : ''
  return `${JSON.stringify(config, null, indent)}${end}`
}

function parse(file: string, text: string): Json {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  } catch {
    // Said below.
  }
  throw new BackupError('CONFIG_INVALID', `Configuration is not a JSON object: ${file}`, {
    hint: 'Correct it by hand; nothing was changed.',
    path: file,
  })
}

function requireValid(file: string, text: string): void {
  const parsed = parseConfig(JSON.parse(text))
  if ('problems' in parsed) {
    throw new BackupError('INVALID_ARGUMENT', `The configuration would not be valid: ${parsed.problems}`, {
      hint: 'Correct the keys named above; nothing was changed.',
      path: file,
    })
  }
  try {
    resolveJobs(parsed.config)
  } catch (error) {
    const { message, hint = '' } = toFailure(error)
    throw new BackupError('INVALID_ARGUMENT', message, {
      hint: `${hint} Nothing was changed.`.trim(),
      path: file,
    })
  }
}

async function replaceText(file: string, before: string | null, after: string): Promise<void> {
  const mode = await modeOf(file)
  // Killed before the rename, the next change removes what it was made in.
  await using work = await WorkDirectory.open(dirname(file), new AbortController().signal)
  const temporary = work.file('config.json')
  await writeNewFile(temporary, after, mode, DURABLE)
  // Somebody may have an editor open.
  if ((await readText(file)) !== before) {
    throw changedMeanwhile(file)
  }
  await renameDurably(temporary, file, DURABLE)
}

function changedMeanwhile(file: string): BackupError {
  return new BackupError('CATALOG_LOCKED', `Somebody has changed the configuration meanwhile: ${file}`, {
    hint: 'Look at it again, then try again. Nothing was changed.',
    path: file,
  })
}

function readText(file: string): Promise<string | null> {
  return unlessMissing(file, () => readFile(file, 'utf8'))
}

async function modeOf(file: string): Promise<number> {
  const stats = await unlessMissing(file, () => stat(file))
  return stats === null ? 0o600 : stats.mode & 0o777
}
