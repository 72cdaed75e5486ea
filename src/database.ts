import { auditedAction, type AuditedAction, bounded } from './audit/actions.ts'
import type { Actor, AuditEntry, AuditEvent } from './audit/entry.ts'
import type { AuditLogRead, AuditLogRequest, AuditLogVerified } from './audit/reports.ts'
import { record } from './audit/recorder.ts'
import type { BackupInfo } from './catalog/backup-info.ts'
import { type LoadedConfig, loadConfig } from './config/load.ts'
import { resolveSettings, type Settings } from './config/settings.ts'
import { type OperationName, type Operations, runOperation } from './engine/engine.ts'
import { BackupError, type Failure, fromFailure, toFailure } from './errors.ts'
import type { AddBackupRequest, BackupAdded } from './operations/file-reports.ts'
import type {
  BackupCreated,
  BackupDeleted,
  BackupLookedInside,
  BackupPinned,
  BackupQueried,
  BackupDrilled,
  BackupRestored,
  BackupsCleanedUp,
  BackupVerified,
  BackupsCompared,
  CleanupRequest,
  CompareBackupsRequest,
  CreateBackupRequest,
  DataExported,
  DeleteBackupRequest,
  ExportDataRequest,
  DataImported,
  DrillBackupRequest,
  ImportDataRequest,
  Info,
  ListBackupsRequest,
  LookInsideRequest,
  PinBackupRequest,
  QueryBackupRequest,
  ReadRowsRequest,
  RestoreBackupRequest,
  RestorePlan,
  RetentionSimulated,
  RowsRead,
  RunOptions,
  ScanSensitiveRequest,
  ServiceFiles,
  ServiceFilesRequest,
  SensitiveScan,
  SimulateRetentionRequest,
  VerifyBackupRequest,
} from './operations/reports.ts'
import type {
  MetricsMade,
  MetricsRequest,
  NotificationsTested,
  TestNotificationsRequest,
} from './operations/monitoring-reports.ts'
import { makeMetrics } from './operations/metrics.ts'

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
  /** Who acts, for the audit log. Default: the library, and the user of the operating system. */
  readonly actor?: Actor
  /** Told when an action could not be noted in the audit log; its result stands. Default: a warning of the process. */
  readonly onAuditProblem?: (message: string) => void
}

/** A database whose settings are known already, so that its configuration is not read once more. Not public. */
export let databaseOf: (settings: Settings, actor: Actor) => Database

/**
 * A SQLite database that is protected: its backups can be made, listed, verified and restored.
 *
 * Foreseen failures come back as `{ success: false, code, message, hint }`; only `listBackups`,
 * which returns the list itself, throws them (as {@link BackupError}).
 */
export class Database {
  static {
    databaseOf = (settings, actor) => {
      const database = new Database({ actor })
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
   * Adds a file as a backup of this database. It is listed once a full check has found it intact; the file stays where it is.
   * `BACKUP_UNSUPPORTED` for what is no plain database, `BACKUP_DAMAGED` for one that fails the check.
   *
   * @param from path of the file
   */
  addBackup(from: string, request: AddBackupRequest & RunOptions = {}): Promise<BackupAdded | Failure> {
    return this.#run('add', { ...request, from })
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
  unpinBackup(backup: string, request: RunOptions = {}): Promise<BackupPinned | Failure> {
    return this.#run('unpin', { ...request, backup })
  }

  /** The state of the database, its backups and the space for the next one. */
  info(request: RunOptions = {}): Promise<Info | Failure> {
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
   * What is in a stored backup: its tables, their columns, indexes and rows. It is opened read-only, as a file that may be
   * hostile; whether it is what was stored is for {@link verifyBackup} to say.
   *
   * @param backup its path, its file name, or `latest`
   */
  lookInside(
    backup: string,
    request: LookInsideRequest & RunOptions = {},
  ): Promise<BackupLookedInside | Failure> {
    return this.#run('look', { ...request, backup })
  }

  /** Rows of a table or a view in a stored backup, some at a time. Sensitive columns are masked unless asked for. */
  readRows(backup: string, request: ReadRowsRequest & RunOptions): Promise<RowsRead | Failure> {
    return this.#run('rows', { ...request, backup })
  }

  /**
   * Runs one statement that only reads on a stored backup, within limits of time and size. Sensitive columns read as NULL
   * unless asked for. What SQLite does not understand is `INVALID_ARGUMENT`, with what it says.
   */
  queryBackup(backup: string, request: QueryBackupRequest & RunOptions): Promise<BackupQueried | Failure> {
    return this.#run('query', { ...request, backup })
  }

  /**
   * What restoring a backup would change: table by table the rows that would be added, removed and changed, with `table`
   * down to their cells. With `with`, from that backup to this one.
   */
  compareBackups(
    backup: string,
    request: CompareBackupsRequest & RunOptions = {},
  ): Promise<BackupsCompared | Failure> {
    return this.#run('compare', { ...request, backup })
  }

  /** The newest entries of the audit log of this backup directory, in which all that is done through any door is noted. */
  async auditLog(request: AuditLogRequest = {}): Promise<AuditLogRead | Failure> {
    try {
      const { readLog } = await import('./audit/read-log.ts')
      return await readLog((await this.#settle()).backupDir, request)
    } catch (error) {
      return toFailure(error)
    }
  }

  /** Looks for lines of the audit log that were changed, removed or put elsewhere. What it finds is a result, not a failure. */
  async verifyAuditLog(): Promise<AuditLogVerified | Failure> {
    try {
      const { verifyLog } = await import('./audit/verify-log.ts')
      return await verifyLog((await this.#settle()).backupDir)
    } catch (error) {
      return toFailure(error)
    }
  }

  /**
   * Notes in the audit log what a door has done beside the operations of this object, which note themselves. A log that
   * cannot be written is told like that of any action, and is no failure of the action. Throws {@link BackupError} for
   * a configuration that is not valid.
   */
  async recordAction(event: AuditEvent): Promise<void> {
    const { action, on = null, parameters = {}, result = 'success', durationMs = 0 } = event
    const noted = { action, on, parameters: bounded(parameters) }
    await this.#note(await this.#settle(), noted, { result, durationMs })
  }

  /** The same database, for another actor: of a server that acts for many. */
  as(actor: Actor): Database {
    const database = new Database({ ...this.#options, actor })
    database.#settings = this.#settings
    return database
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
      const made = await serviceFiles(rest, await findPlan(rest, surroundings), signal)
      if (made.installed)
        await this.recordAction({ action: 'service-install', on: made.files[0]?.path ?? null })
      return made
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
      const ports = { directory, timeZone, now: () => new Date() }
      const started = performance.now()
      const tested = await testNotifications(config.notify, request, ports)
      await this.recordAction({
        action: 'notify-test',
        on: request.channel ?? null,
        parameters: { status: tested.status },
        durationMs: Math.round(performance.now() - started),
      })
      return tested
    } catch (error) {
      return toFailure(error)
    }
  }

  async #run<Name extends OperationName>(
    name: Name,
    request: Operations[Name]['request'] & RunOptions,
  ): Promise<Operations[Name]['result'] | Failure> {
    const { onProgress, signal, ...rest } = request
    const started = performance.now()
    let settings: Settings | null = null
    let result: Operations[Name]['result'] | Failure
    try {
      settings = await this.#settle()
      result = await runOperation(name, settings, rest as Operations[Name]['request'], {
        where: this.#options.engine ?? 'process',
        ...(onProgress === undefined ? {} : { onProgress }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (error) {
      result = toFailure(error)
    }
    const action = auditedAction(name, rest, result)
    if (settings !== null && action !== null) {
      const durationMs = Math.round(performance.now() - started)
      await this.#note(settings, action, { result: result.success ? 'success' : result.code, durationMs })
    }
    return result
  }

  /** Once the work is done, and before anyone is told so: a kill in between leaves something done that is not noted. */
  async #note(
    { backupDir, name, createdBy, disposable }: Settings,
    action: AuditedAction,
    outcome: Pick<AuditEntry, 'result' | 'durationMs'>,
  ): Promise<void> {
    if (disposable) return
    const { actor = { door: 'library' }, onAuditProblem = warn } = this.#options
    const problem = await record(backupDir, {
      time: new Date().toISOString(),
      actor: { door: actor.door, who: actor.who ?? createdBy },
      action: action.action,
      database: name,
      on: action.on,
      parameters: action.parameters,
      ...outcome,
    })
    if (problem !== null) onAuditProblem(problem)
  }

  #settle(): Promise<Settings> {
    return (this.#settings ??= this.#resolve())
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

function warn(message: string): void {
  process.emitWarning(message, { type: 'AuditWarning', code: 'CHAME_AUDIT' })
}

/** The engine's own process has none that anybody reads. */
function noStandardOutput(): Failure {
  return toFailure(
    new BackupError('INVALID_ARGUMENT', 'An export from a program cannot go to standard output', {
      hint: 'Give a path as output. The CLI writes to standard output with: chame-backup export --output -',
    }),
  )
}
