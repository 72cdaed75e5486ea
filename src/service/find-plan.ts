/** Finding out what a service needs, from what the caller said and where it is. */
import { realpath, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, extname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LoadedConfig } from '../config/load.ts'
import { resolveSettings, type Settings, type SettingsOverrides } from '../config/settings.ts'
import { BackupError } from '../errors.ts'
import type { ServicePlan } from './plan.ts'

const DEFAULT_NAME = 'chame-backup-scheduler'
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,100}$/
const USER = /^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/
/** What the configuration follows from, beside its file. Never the redaction key: a unit is for everybody to read. */
const VARIABLES = [
  'CHAME_BACKUP_PATH',
  'CHAME_BACKUP_DIR',
  'CHAME_BACKUP_DATABASE',
  'CHAME_BACKUP_CHECK',
  'CHAME_BACKUP_TIME_ZONE',
]

export interface ServiceSurroundings {
  readonly loaded: LoadedConfig
  readonly overrides: SettingsOverrides
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
}

/** The plan under which the scheduler, once started, finds the very databases and directories that are meant here. */
export async function findPlan(
  wanted: { readonly name?: string | undefined; readonly user?: string | undefined },
  surroundings: ServiceSurroundings,
): Promise<ServicePlan> {
  const { loaded, environment, workingDirectory } = surroundings
  const name = matching(NAME, wanted.name ?? DEFAULT_NAME, 'name of a unit')
  const all = settingsOfAll(surroundings)
  const first = all[0] as Settings
  const databases = await Promise.all(all.map(({ path }) => real(path)))
  const backupDirs = await Promise.all(all.map(({ backupDir }) => real(backupDir)))
  const log = loaded.config.schedule?.log?.path
  const logDirs = log === undefined ? [] : [await real(dirname(resolve(loaded.directory, log)))]
  return {
    name,
    databases: all.map(settings => settings.name),
    program: process.execPath,
    script: fileURLToPath(new URL(`../scheduler/main${extname(import.meta.url)}`, import.meta.url)),
    options: optionsOf(surroundings),
    environment: Object.fromEntries(
      VARIABLES.flatMap(variable => (environment[variable] ? [[variable, environment[variable]]] : [])),
    ),
    workingDirectory,
    writtenDirectories: outermost([...databases.map(path => dirname(path)), ...backupDirs, ...logDirs]),
    readPaths: loaded.file === null ? [] : [loaded.file],
    user: matching(USER, wanted.user ?? (await ownerOf(databases[0] as string)), 'user'),
    timeZone: first.timeZone,
  }
}

/** Of the one database that is named, or of all that the configuration has. */
function settingsOfAll({
  loaded,
  overrides,
  environment,
  workingDirectory,
}: ServiceSurroundings): Settings[] {
  const isOne = overrides.path !== undefined || overrides.database !== undefined
  const names = isOne ? [] : Object.keys(loaded.config.databases ?? {})
  const each = names.length === 0 ? [{}] : names.map(database => ({ database }))
  return each.map(one => resolveSettings(loaded, { ...overrides, ...one }, environment, workingDirectory))
}

function optionsOf({ loaded, overrides, workingDirectory }: ServiceSurroundings): string[] {
  const { path, backupDir, database } = overrides
  const absolute = (given: string | undefined): string | undefined =>
    given === undefined ? undefined : resolve(workingDirectory, given)
  const options: readonly (readonly [string, string | undefined])[] = [
    ['--config', loaded.file ?? undefined],
    ['--database', database],
    ['--path', absolute(path)],
    ['--backup-dir', absolute(backupDir)],
  ]
  return options.flatMap(([option, value]) => (value === undefined ? [] : [option, value]))
}

/** Without those that lie in another of them: whoever may write that may make them, too. */
function outermost(directories: readonly string[]): string[] {
  const isBelow = (path: string, other: string): boolean =>
    path !== other && path.startsWith(other.endsWith('/') ? other : `${other}/`)
  return [...new Set(directories)].filter(path => !directories.some(other => isBelow(path, other)))
}

/** A link leads to where its database's side files lie. What is not there yet stays as it is written. */
async function real(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}

/** The owner of the database may read it, and write the files beside it. */
async function ownerOf(path: string): Promise<string> {
  const own = userInfo()
  const uid = (await stat(path).catch(() => null))?.uid ?? own.uid
  return uid === own.uid ? own.username : String(uid)
}

function matching(pattern: RegExp, text: string, what: string): string {
  if (pattern.test(text)) return text
  throw new BackupError('INVALID_ARGUMENT', `Not the ${what}: ${JSON.stringify(text)}`, {
    hint: 'Use letters, digits, "_", "-" and ".".',
  })
}
