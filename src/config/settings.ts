import { availableParallelism, userInfo } from 'node:os'
import { basename, resolve } from 'node:path'
import { type CheckLevel, CHECK_LEVELS } from '../catalog/backup-info.ts'
import { BUILT_IN_TYPES, isDatabaseName, isTimeZone, nameOfPath } from '../catalog/names.ts'
import type { EncodingSettings } from '../encoding/settings.ts'
import { BackupError } from '../errors.ts'
import type { LoadedConfig } from './load.ts'
import type { RedactionWay } from '../export/model.ts'
import { DEFAULT_MAX_DELETIONS, DEFAULT_POLICY, type RetentionPolicy } from '../retention/policy.ts'
import type { Config, DatabaseConfig, ExportConfig, SigningConfig } from './config.ts'
import type { RetentionConfig } from './retention.ts'
import { durationMs } from '../schedule/duration.ts'
import type { SigningSettings } from '../signing/settings.ts'
import type { TargetConfig } from './targets.ts'

/** Everything an operation needs to know of one database, resolved: absolute paths, no defaults left. */
export interface Settings {
  readonly name: string
  readonly path: string
  readonly backupDir: string
  readonly check: CheckLevel
  readonly keepDamaged: boolean
  /** Undefined: the system's. */
  readonly timeZone: string | undefined
  readonly backupTypes: readonly string[]
  readonly fileMode: number
  readonly directoryMode: number
  readonly waitForLockMs: number
  /** How long a job may show no sign of life, beyond what it waits for a lock. */
  readonly stallAfterMs: number
  /** How old the last good backup may be; null: nobody asked. */
  readonly maxBackupAgeMs: number | null
  readonly createdBy: string
  readonly storing: EncodingSettings
  readonly signing: SigningSettings
  readonly exporting: ExportSettings
  readonly retention: RetentionSettings
  /** Where backups are copied to, by name, in the order of the configuration. */
  readonly targets: Readonly<Record<string, TargetSettings>>
  /** Whether backups are stored in the backup directory; otherwise at the targets alone. */
  readonly keepLocal: boolean
  /** Where relative paths of targets start. */
  readonly targetDirectory: string
  /** For test suites: no fsync, no pre_restore backup. Nothing then survives a power cut. */
  readonly disposable: boolean
}

export interface TargetSettings {
  readonly config: TargetConfig
  /** Nothing may be deleted there. */
  readonly isAppendOnly: boolean
  readonly retention: RetentionSettings
}

interface RetentionSettings {
  readonly policy: RetentionPolicy
  /** How many backups one cleanup deletes at most. */
  readonly maxDeletions: number
}

interface ExportSettings {
  /** By `table.column`. */
  readonly redact: Readonly<Record<string, RedactionWay>>
  readonly sensitiveWords: readonly string[]
  /** As `table.column`. */
  readonly notSensitive: readonly string[]
  /** What hashes and made-up values follow from; undefined: a new one for each export. */
  readonly redactionKey: string | undefined
}

/** What the caller says; it wins over the configuration file, that over the environment, that over the defaults. */
export interface SettingsOverrides {
  readonly path?: string | undefined
  readonly backupDir?: string | undefined
  readonly database?: string | undefined
  readonly timeZone?: string | undefined
  readonly disposable?: boolean | undefined
}

const DEFAULT_PATH = 'data/chame.db'
const DEFAULT_BACKUP_DIR = 'backups'
const DEFAULT_FILE_MODE = 0o600
const DEFAULT_DIRECTORY_MODE = 0o700
/** Long enough for another backup of a gigabyte to finish, short enough for a person to wait. */
const DEFAULT_WAIT_FOR_LOCK_MS = 30_000
/**
 * Flushing a file is one silent call. Linux lets a fifth of the memory be unwritten: at half an hour a
 * machine of 16 GB may have a disk that writes 2 MB/s before it is taken for dead.
 */
const DEFAULT_STALL_AFTER_MS = 30 * 60_000

/** zstd's own. */
const DEFAULT_ZSTD_LEVEL = 3
/** As many as Node's pool has threads, unless UV_THREADPOOL_SIZE says otherwise. */
const DEFAULT_ZSTD_THREADS_MAX = 4

/** Decides the settings of one database. Pure but for the path resolution against `workingDirectory`. */
export function resolveSettings(
  loaded: LoadedConfig,
  overrides: SettingsOverrides,
  environment: Readonly<Record<string, string | undefined>>,
  workingDirectory: string,
): Settings {
  const { config } = loaded
  const env = readEnvironment(environment)
  const asked = overrides.database ?? (config.defaultDatabase === undefined ? env.database : undefined)
  // A caller's own path is that database's, not one of the configuration's under another name.
  const chosen =
    overrides.path !== undefined && overrides.database === undefined
      ? null
      : chooseDatabase(config, asked, loaded)
  const place = (
    given: string | undefined,
    configured: string | undefined,
    fromEnv: string | undefined,
    otherwise: string,
  ): string => {
    if (given !== undefined) return resolve(workingDirectory, given)
    if (configured !== undefined) return resolve(loaded.directory, configured)
    return resolve(workingDirectory, fromEnv ?? otherwise)
  }
  const path = place(overrides.path, chosen?.path ?? config.path, env.path, DEFAULT_PATH)
  const retention = {
    policy: { ...DEFAULT_POLICY, ...config.retention?.types, ...chosen?.retention?.types },
    maxDeletions: chosen?.retention?.maxDeletions ?? config.retention?.maxDeletions ?? DEFAULT_MAX_DELETIONS,
  }
  // What nobody would miss is not for targets either, nor does anybody sign it.
  const isDisposable = overrides.disposable ?? false
  const targets = isDisposable ? {} : targetsOf(config, retention)
  return {
    name: chosen?.name ?? nameOfPath(basename(path)),
    path,
    backupDir: place(
      overrides.backupDir,
      chosen?.backupDir ?? config.backupDir,
      env.backupDir,
      DEFAULT_BACKUP_DIR,
    ),
    check: chosen?.check ?? config.check ?? env.check ?? 'quick',
    keepDamaged: chosen?.keepDamaged ?? config.keepDamaged ?? false,
    timeZone: knownTimeZone(overrides.timeZone ?? config.timeZone ?? env.timeZone),
    backupTypes: [...new Set([...BUILT_IN_TYPES, ...(config.backupTypes ?? [])])],
    fileMode: octal(config.fileMode, DEFAULT_FILE_MODE),
    directoryMode: octal(config.directoryMode, DEFAULT_DIRECTORY_MODE),
    waitForLockMs: config.waitForLockMs ?? DEFAULT_WAIT_FOR_LOCK_MS,
    stallAfterMs: config.stallAfterMs ?? DEFAULT_STALL_AFTER_MS,
    maxBackupAgeMs:
      config.schedule?.maxBackupAge === undefined ? null : durationMs(config.schedule.maxBackupAge),
    createdBy: userName(environment),
    storing: storingOf(config, chosen, loaded.directory),
    signing: signingOf(isDisposable ? undefined : config.signing, loaded.directory),
    exporting: {
      redact: { ...config.export?.redact, ...chosen?.export?.redact },
      sensitiveWords: [...(config.export?.sensitiveWords ?? []), ...(chosen?.export?.sensitiveWords ?? [])],
      notSensitive: [...(config.export?.notSensitive ?? []), ...(chosen?.export?.notSensitive ?? [])],
      redactionKey: environment['CHAME_BACKUP_REDACTION_KEY'] || undefined,
    },
    retention,
    targets,
    keepLocal: isDisposable || keepsLocal(chosen?.keepLocal ?? config.keepLocal, targets),
    targetDirectory: loaded.directory,
    disposable: isDisposable,
  }
}

function targetsOf(config: Config, retention: RetentionSettings): Record<string, TargetSettings> {
  return Object.fromEntries(
    Object.entries(config.targets ?? {}).map(([name, target]) => [
      name,
      {
        config: target,
        isAppendOnly: target.appendOnly ?? false,
        retention: {
          policy: { ...retention.policy, ...target.retention?.types },
          maxDeletions: target.retention?.maxDeletions ?? retention.maxDeletions,
        },
      },
    ]),
  )
}

/** Backups that are kept nowhere would be none. */
function keepsLocal(wanted: boolean | undefined, targets: Readonly<Record<string, TargetSettings>>): boolean {
  if (wanted !== false || Object.keys(targets).length > 0) return wanted ?? true
  throw new BackupError('CONFIG_INVALID', 'keepLocal is false, but the configuration has no targets', {
    hint: 'Add targets, where the backups are to be stored (docs/targets.md), or take keepLocal out.',
  })
}

interface ChosenDatabase extends StoringConfig {
  readonly name: string
  readonly path?: string | undefined
  readonly backupDir?: string | undefined
  readonly check?: CheckLevel | undefined
  readonly keepDamaged?: boolean | undefined
  readonly keepLocal?: boolean | undefined
  readonly export?: ExportConfig | undefined
  readonly retention?: RetentionConfig | undefined
}

type StoringConfig = Readonly<Pick<DatabaseConfig, 'encoding' | 'zstd' | 'encryption'>>

/** What a database says of its keys stands for itself: nothing of another's is added to it. */
function storingOf(config: StoringConfig, own: StoringConfig | null, directory: string): EncodingSettings {
  const zstd = { ...config.zstd, ...own?.zstd }
  const encryption = own?.encryption ?? config.encryption
  return {
    encoding: own?.encoding ?? config.encoding ?? 'plain',
    zstd: {
      level: zstd.level ?? DEFAULT_ZSTD_LEVEL,
      threads: zstd.threads ?? Math.min(availableParallelism(), DEFAULT_ZSTD_THREADS_MAX),
    },
    encryption: {
      recipients: encryption?.recipients ?? [],
      passphrase: encryption?.passphrase ?? null,
      identities: encryption?.identities ?? [],
      directory,
    },
  }
}

function signingOf(signing: SigningConfig | undefined, directory: string): SigningSettings {
  return { key: signing?.key ?? null, trusted: signing?.trusted ?? [], directory }
}

function chooseDatabase(
  config: Config,
  asked: string | undefined,
  loaded: LoadedConfig,
): ChosenDatabase | null {
  const databases = config.databases ?? {}
  const name = asked ?? config.defaultDatabase ?? Object.keys(databases)[0]
  if (name === undefined) return null
  const own = Object.hasOwn(databases, name) ? databases[name] : undefined
  if (own !== undefined) return { name, ...own }
  // Only now: of thousands of databases, each is asked for.
  const names = Object.keys(databases)
  // Without a list of databases a name only names the one database there is.
  if (names.length === 0 && isDatabaseName(name)) return { name }
  throw new BackupError('INVALID_ARGUMENT', `Unknown database: ${JSON.stringify(name)}`, {
    hint:
      names.length === 0
        ? 'A database name consists of letters, digits, ".", "_" and "-".'
        : `${loaded.file ?? 'The configuration'} has: ${names.join(', ')}.`,
  })
}

interface EnvironmentSettings {
  readonly path: string | undefined
  readonly backupDir: string | undefined
  readonly database: string | undefined
  readonly check: CheckLevel | undefined
  readonly timeZone: string | undefined
}

/** An empty variable counts as one that is not set, as shells make it hard to tell them apart. */
function readEnvironment(environment: Readonly<Record<string, string | undefined>>): EnvironmentSettings {
  const get = (name: string): string | undefined => environment[name] || undefined
  const check = get('CHAME_BACKUP_CHECK')
  if (check !== undefined && !isCheckLevel(check)) {
    throw wrong('The variable CHAME_BACKUP_CHECK', check, `one of ${CHECK_LEVELS.join(', ')}`)
  }
  return {
    path: get('CHAME_BACKUP_PATH'),
    backupDir: get('CHAME_BACKUP_DIR'),
    database: get('CHAME_BACKUP_DATABASE'),
    check,
    timeZone: get('CHAME_BACKUP_TIME_ZONE'),
  }
}

function isCheckLevel(text: string): text is CheckLevel {
  return CHECK_LEVELS.some(level => level === text)
}

function knownTimeZone(timeZone: string | undefined): string | undefined {
  if (timeZone === undefined || isTimeZone(timeZone)) return timeZone
  throw wrong('The time zone', timeZone, 'an IANA name such as "Europe/Berlin"')
}

function wrong(what: string, value: string, expected: string): BackupError {
  return new BackupError('CONFIG_INVALID', `${what} is ${JSON.stringify(value)}, but must be ${expected}`, {
    hint: 'Correct the option or the environment variable (CHAME_BACKUP_…).',
  })
}

function octal(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : Number.parseInt(text, 8)
}

function userName(environment: Readonly<Record<string, string | undefined>>): string {
  try {
    return userInfo().username
  } catch {
    // A user without an entry in the password file, as in many containers.
    return environment['USER'] ?? 'unknown'
  }
}
