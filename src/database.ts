import type { BackupInfo } from './catalog/backup-info.ts'
import { type LoadedConfig, loadConfig } from './config/load.ts'
import { resolveSettings, type Settings } from './config/settings.ts'
import { type OperationName, type Operations, runOperation } from './engine/engine.ts'
import { BackupError, type Failure, fromFailure, toFailure } from './errors.ts'
import type {
  BackupCreated,
  BackupDeleted,
  BackupPinned,
  BackupsConverted,
  BackupDrilled,
  BackupRestored,
  BackupsCleanedUp,
  BackupVerified,
  CleanupRequest,
  ConvertBackupsRequest,
  CreateBackupRequest,
  SyncTargetsRequest,
  TargetsSynced,
  DataExported,
  DeleteBackupRequest,
  ExportDataRequest,
  DataImported,
  DrillBackupRequest,
  ImportDataRequest,
  Info,
  InfoRequest,
  ListBackupsRequest,
  PinBackupRequest,
  RestoreBackupRequest,
  RestorePlan,
  RetentionSimulated,
  RunOptions,
  ScanSensitiveRequest,
  ServiceFiles,
  ServiceFilesRequest,
  SensitiveScan,
  SimulateRetentionRequest,
  UnpinBackupRequest,
  VerifyBackupRequest,
} from './operations/reports.ts'
import type {
  MetricsMade,
  MetricsRequest,
  NotificationsTested,
  TestNotificationsRequest,
} from './operations/monitoring-reports.ts'
import { makeMetrics } from './operations/metrics.ts'
import type { CheckTargetRequest, TargetsChecked, TargetsListed } from './operations/target-reports.ts'

export interface DatabaseOptions {
  /** The SQLite file to protect. Default: the configuration's, else `CHAME_BACKUP_PATH`, else `data/chame.db`. */
  readonly path?: string
  /** Where backups are stored. Default: the configuration's, else `CHAME_BACKUP_DIR`, else `backups`. */
  readonly backupDir?: string
  /** Which of the configuration's databases. Default: its `defaultDatabase`, else its first. */
  readonly database?: string
  /** The configuration file. Default: `CHAME_BACKUP_CONFIG`, else `chame-backup.config.{ts,js,json}` in the working directory. */
  readonly config?: string
  /** IANA time zone of the dates in file names. Default: the configuration's, else the system's. */
  readonly timeZone?: string
  /**
   * For test suites: skips what only matters across a power cut (fsync) and the pre_restore backup.
   * Never for data that anyone would miss.
   */
  readonly disposable?: boolean
  /**
   * Where operations run. `process` (default): in a child process, started once and reused, so that
   * the protected database is never opened in yours. `here`: in this process, for programs that
   * never open the database themselves, such as the CLI.
   */
  readonly engine?: 'process' | 'here'
}

/** A database whose settings are known already, so that its configuration is not read once more. Not public. */
export let databaseOf: (settings: Settings) => Database

/**
 * A SQLite database that is protected: its backups can be made, listed, verified and restored.
 *
 * Foreseen failures come back as `{ success: false, code, message, hint }`; only `listBackups`,
 * which returns the list itself, throws them (as {@link BackupError}).
 */
export class Database {
  static {
    databaseOf = settings => {
      const database = new Database()
      database.#settings = Promise.resolve(settings)
      return database
    }
  }

  readonly #options: DatabaseOptions
  #settings: Promise<Settings> | undefined

  constructor(options: DatabaseOptions = {}) {
    this.#options = options
  }

  /** Makes a consistent, checked backup of the database as of one commit. */
  createBackup(request: CreateBackupRequest & RunOptions = {}): Promise<BackupCreated | Failure> {
    return this.#run('create', request)
  }

  /**
   * Copies to the targets of the configuration what they lack of the backup directory, and completes copies that were
   * interrupted. A target that fails is a result (`status: 'incomplete'`), not a failure.
   */
  syncTargets(request: SyncTargetsRequest & RunOptions = {}): Promise<TargetsSynced | Failure> {
    return this.#run('sync', request)
  }

  /** The backups of this database, newest first; an empty list when there are none. Throws {@link BackupError}. */
  async listBackups(request: ListBackupsRequest = {}): Promise<readonly BackupInfo[]> {
    const listed = await this.#run('list', request)
    if (listed.success) return listed.backups
    throw fromFailure(listed)
  }

  /**
   * Restores a backup: verified first, what is there now backed up before, all or nothing.
   *
   * @param backup its path, its file name, or `latest`
   */
  restoreBackup(
    backup: string,
    request: RestoreBackupRequest & RunOptions = {},
  ): Promise<BackupRestored | RestorePlan | Failure> {
    return this.#run('restore', { ...request, backup })
  }

  /**
   * Reads a stored backup back: checksum, then SQLite's own integrity check. Damage is a result
   * (`status: 'damaged'`), not a failure.
   *
   * @param backup its path, its file name, or `latest`
   */
  verifyBackup(
    backup: string,
    request: VerifyBackupRequest & RunOptions = {},
  ): Promise<BackupVerified | Failure> {
    return this.#run('verify', { ...request, backup })
  }

  /**
   * Proves that a backup can be restored: restores it into a private directory, checks there what came out, and
   * removes it again. The protected database is not touched. A backup that cannot be restored is a result
   * (`status: 'failed'`), not a failure; how it went is noted in the backup's metadata.
   */
  drillBackup({
    backup = 'latest',
    ...request
  }: DrillBackupRequest & RunOptions & { readonly backup?: string } = {}): Promise<BackupDrilled | Failure> {
    return this.#run('drill', { ...request, backup })
  }

  /**
   * Writes a readable copy of the data as of one commit, of the live database or of a stored backup. Passwords,
   * tokens and the like are left out unless `includeSensitive` says otherwise.
   */
  async exportData(request: ExportDataRequest & RunOptions = {}): Promise<DataExported | Failure> {
    if (request.output === '-' && this.#options.engine !== 'here') return noStandardOutput()
    return this.#run('export', request)
  }

  /** Which columns an export would leave out by itself, and why. Writes nothing. */
  scanSensitive(request: ScanSensitiveRequest & RunOptions = {}): Promise<SensitiveScan | Failure> {
    return this.#run('scan', request)
  }

  /**
   * Deletes one backup for good. Refused for one that is pinned and, without `force`, for the last good one of its
   * database.
   *
   * @param backup its path, its file name, or `latest`
   */
  deleteBackup(
    backup: string,
    request: DeleteBackupRequest & RunOptions = {},
  ): Promise<BackupDeleted | Failure> {
    return this.#run('delete', { ...request, backup })
  }

  /**
   * Deletes the backups that the retention policy does not keep; by default of the last 7 daily and 4 weekly ones
   * none, and no manual one. The answer says what was kept, and why.
   */
  cleanupOldBackups(request: CleanupRequest & RunOptions = {}): Promise<BackupsCleanedUp | Failure> {
    return this.#run('cleanup', request)
  }

  /**
   * Stores existing backups in another encoding. When and why they were made, their pins and checks stay; the old file
   * goes once the new one was read back. One that cannot be converted is a result (`status: 'incomplete'`), unless it is
   * the only one that was asked for.
   */
  convertBackups(request: ConvertBackupsRequest & RunOptions = {}): Promise<BackupsConverted | Failure> {
    return this.#run('convert', request)
  }

  /** What the retention policy would hold over time, with a daily and a weekly backup. Deletes nothing. */
  simulateRetention(
    request: SimulateRetentionRequest & RunOptions = {},
  ): Promise<RetentionSimulated | Failure> {
    return this.#run('simulate', request)
  }

  /** Says of a backup that nothing may delete it. */
  pinBackup(backup: string, request: PinBackupRequest & RunOptions): Promise<BackupPinned | Failure> {
    return this.#run('pin', { ...request, backup })
  }

  /** Takes a backup's pin away. */
  unpinBackup(
    backup: string,
    request: UnpinBackupRequest & RunOptions = {},
  ): Promise<BackupPinned | Failure> {
    return this.#run('unpin', { ...request, backup })
  }

  /** The state of the database, its backups and the space for the next one. */
  info(request: InfoRequest & RunOptions = {}): Promise<Info | Failure> {
    return this.#run('info', request)
  }

  /**
   * Makes a new database of an export. Nothing is overwritten, and the database of this object is not
   * touched: it need not exist.
   */
  importData(request: ImportDataRequest & RunOptions): Promise<DataImported | Failure> {
    return this.#run('import', request)
  }

  /**
   * What runs the scheduler for this database, or for all that the configuration has, on this machine: a hardened
   * systemd unit, timers, or crontab lines. Writes units only where `install` says so.
   */
  async serviceFiles(
    request: ServiceFilesRequest & Pick<RunOptions, 'signal'> = {},
  ): Promise<ServiceFiles | Failure> {
    const { signal = new AbortController().signal, ...rest } = request
    try {
      const { findPlan } = await import('./service/find-plan.ts')
      const { serviceFiles } = await import('./operations/service-files.ts')
      const workingDirectory = process.cwd()
      const loaded = await this.#load()
      const surroundings = { loaded, overrides: this.#options, environment: process.env, workingDirectory }
      return await serviceFiles(rest, await findPlan(rest, surroundings), signal)
    } catch (error) {
      return toFailure(error)
    }
  }

  /**
   * The state of the backups in the text format of Prometheus, of this database, or of every one in the configuration where
   * neither `path` nor `database` was given. With `output` it is written there, for the node exporter's textfile collector.
   */
  async metrics(request: MetricsRequest = {}): Promise<MetricsMade | Failure> {
    try {
      const { signal = new AbortController().signal, ...rest } = request
      return await makeMetrics(await this.#resolveAll(), rest, { now: () => new Date(), signal })
    } catch (error) {
      return toFailure(error)
    }
  }

  /** Sends a test to every channel of the configuration, or to one. A channel that fails is a result (`status: 'failed'`). */
  async testNotifications(request: TestNotificationsRequest = {}): Promise<NotificationsTested | Failure> {
    try {
      const loaded = await this.#load()
      const { timeZone } = this.#settingsOf(loaded, this.#options.database)
      // Loaded here: no other call sends anything.
      const { testNotifications } = await import('./operations/test-notifications.ts')
      const { config, directory } = loaded
      return await testNotifications(config.notify, request, { directory, timeZone, now: () => new Date() })
    } catch (error) {
      return toFailure(error)
    }
  }

  /**
   * Tries what a target really does, with objects of its own that it deletes again, and keeps what it saw in the backup
   * directory. A target that cannot be used is a result (`status: 'failed'`), not a failure.
   *
   * @param name default: all targets of the configuration
   */
  async checkTarget(name?: string, request: CheckTargetRequest = {}): Promise<TargetsChecked | Failure> {
    const { signal = new AbortController().signal } = request
    try {
      const loaded = await this.#load()
      const settings = this.#settingsOf(loaded, this.#options.database)
      const { checkTargets } = await import('./operations/check-target.ts')
      const now = (): Date => new Date()
      return await checkTargets(name, { loaded, settings, environment: process.env, now, signal })
    } catch (error) {
      return toFailure(error)
    }
  }

  /** The targets of the configuration, with what their last checks saw. Asks none of them. */
  async listTargets(): Promise<TargetsListed | Failure> {
    try {
      const loaded = await this.#load()
      const settings = this.#settingsOf(loaded, this.#options.database)
      const { listTargets } = await import('./operations/check-target.ts')
      return await listTargets({ loaded, settings })
    } catch (error) {
      return toFailure(error)
    }
  }

  async #run<Name extends OperationName>(
    name: Name,
    request: Operations[Name]['request'] & RunOptions,
  ): Promise<Operations[Name]['result'] | Failure> {
    const { onProgress, signal, ...rest } = request
    try {
      this.#settings ??= this.#resolve()
      const settings = await this.#settings
      return await runOperation(name, settings, rest as Operations[Name]['request'], {
        where: this.#options.engine ?? 'process',
        ...(onProgress === undefined ? {} : { onProgress }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (error) {
      return toFailure(error)
    }
  }

  async #resolve(): Promise<Settings> {
    return this.#settingsOf(await this.#load(), this.#options.database)
  }

  /** The settings of every database that is meant when none is named. */
  async #resolveAll(): Promise<readonly Settings[]> {
    const loaded = await this.#load()
    const { path, database } = this.#options
    const names = Object.keys(loaded.config.databases ?? {})
    const isOne = path !== undefined || database !== undefined || names.length === 0
    return isOne ? [this.#settingsOf(loaded, database)] : names.map(name => this.#settingsOf(loaded, name))
  }

  #settingsOf(loaded: LoadedConfig, database: string | undefined): Settings {
    return resolveSettings(loaded, { ...this.#options, database }, process.env, process.cwd())
  }

  #load(): Promise<LoadedConfig> {
    return loadConfig(process.cwd(), this.#options.config ?? process.env['CHAME_BACKUP_CONFIG'])
  }
}

/** The engine's own process has none that anybody reads. */
function noStandardOutput(): Failure {
  return toFailure(
    new BackupError('INVALID_ARGUMENT', 'An export from a program cannot go to standard output', {
      hint: 'Give a path as output. The CLI writes to standard output with: chame-backup export --output -',
    }),
  )
}
