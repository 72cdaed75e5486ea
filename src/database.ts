import { bounded } from './audit/actions.ts'
import type { Actor, AuditEvent } from './audit/entry.ts'
import type { AuditLogRead, AuditLogRequest, AuditLogVerified } from './audit/reports.ts'
import type { BackupInfo } from './catalog/backup-info.ts'
import type { Settings } from './config/settings.ts'
import { DatabaseCore, type DatabaseOptions } from './database-core.ts'
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
      const database = new Database()
      database.#core = new DatabaseCore({ actor }, Promise.resolve(settings))
      return database
    }
  }

  #core: DatabaseCore

  constructor(options: DatabaseOptions = {}) {
    this.#core = new DatabaseCore(options)
  }

  /** Makes a consistent, checked backup of the database as of one commit. */
  createBackup(request: CreateBackupRequest & RunOptions = {}): Promise<BackupCreated | Failure> {
    return this.#core.run('create', request)
  }

  /**
   * Adds a file as a backup of this database. It is listed once a full check has found it intact; the file stays where it is.
   * `BACKUP_UNSUPPORTED` for what is no plain database, `BACKUP_DAMAGED` for one that fails the check.
   *
   * @param from path of the file
   */
  addBackup(from: string, request: AddBackupRequest & RunOptions = {}): Promise<BackupAdded | Failure> {
    return this.#core.run('add', { ...request, from })
  }

  /** The backups of this database, newest first; an empty list when there are none. Throws {@link BackupError}. */
  async listBackups(request: ListBackupsRequest = {}): Promise<readonly BackupInfo[]> {
    const listed = await this.#core.run('list', request)
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
    return this.#core.run('restore', { ...request, backup })
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
    return this.#core.run('verify', { ...request, backup })
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
    return this.#core.run('drill', { ...request, backup })
  }

  /**
   * Writes a readable copy of the data as of one commit, of the live database or of a stored backup. Passwords,
   * tokens and the like are left out unless `includeSensitive` says otherwise.
   */
  async exportData(request: ExportDataRequest & RunOptions = {}): Promise<DataExported | Failure> {
    if (request.output === '-' && this.#core.options.engine !== 'here') return noStandardOutput()
    return this.#core.run('export', request)
  }

  /** Which columns an export would leave out by itself, and why. Writes nothing. */
  scanSensitive(request: ScanSensitiveRequest & RunOptions = {}): Promise<SensitiveScan | Failure> {
    return this.#core.run('scan', request)
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
    return this.#core.run('delete', { ...request, backup })
  }

  /**
   * Deletes the backups that the retention policy does not keep; by default of the last 7 daily and 4 weekly ones
   * none, and no manual one. The answer says what was kept, and why.
   */
  cleanupOldBackups(request: CleanupRequest & RunOptions = {}): Promise<BackupsCleanedUp | Failure> {
    return this.#core.run('cleanup', request)
  }

  /** What the retention policy would hold over time, with a daily and a weekly backup. Deletes nothing. */
  simulateRetention(
    request: SimulateRetentionRequest & RunOptions = {},
  ): Promise<RetentionSimulated | Failure> {
    return this.#core.run('simulate', request)
  }

  /** Says of a backup that nothing may delete it. */
  pinBackup(backup: string, request: PinBackupRequest & RunOptions): Promise<BackupPinned | Failure> {
    return this.#core.run('pin', { ...request, backup })
  }

  /** Takes a backup's pin away. */
  unpinBackup(backup: string, request: RunOptions = {}): Promise<BackupPinned | Failure> {
    return this.#core.run('unpin', { ...request, backup })
  }

  /** The state of the database, its backups and the space for the next one. */
  info(request: RunOptions = {}): Promise<Info | Failure> {
    return this.#core.run('info', request)
  }

  /**
   * Makes a new database of an export. Nothing is overwritten, and the database of this object is not
   * touched: it need not exist.
   */
  importData(request: ImportDataRequest & RunOptions): Promise<DataImported | Failure> {
    return this.#core.run('import', request)
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
    return this.#core.run('look', { ...request, backup })
  }

  /** Rows of a table or a view in a stored backup, some at a time. Sensitive columns are masked unless asked for. */
  readRows(backup: string, request: ReadRowsRequest & RunOptions): Promise<RowsRead | Failure> {
    return this.#core.run('rows', { ...request, backup })
  }

  /**
   * Runs one statement that only reads on a stored backup, within limits of time and size. Sensitive columns read as NULL
   * unless asked for. What SQLite does not understand is `INVALID_ARGUMENT`, with what it says.
   */
  queryBackup(backup: string, request: QueryBackupRequest & RunOptions): Promise<BackupQueried | Failure> {
    return this.#core.run('query', { ...request, backup })
  }

  /**
   * What restoring a backup would change: table by table the rows that would be added, removed and changed, with `table`
   * down to their cells. With `with`, from that backup to this one.
   */
  compareBackups(
    backup: string,
    request: CompareBackupsRequest & RunOptions = {},
  ): Promise<BackupsCompared | Failure> {
    return this.#core.run('compare', { ...request, backup })
  }

  /** The newest entries of the audit log of this backup directory, in which all that is done through any door is noted. */
  async auditLog(request: AuditLogRequest = {}): Promise<AuditLogRead | Failure> {
    try {
      const { readLog } = await import('./audit/read-log.ts')
      return await readLog((await this.#core.settle()).backupDir, request)
    } catch (error) {
      return toFailure(error)
    }
  }

  /** Looks for lines of the audit log that were changed, removed or put elsewhere. What it finds is a result, not a failure. */
  async verifyAuditLog(): Promise<AuditLogVerified | Failure> {
    try {
      const { verifyLog } = await import('./audit/verify-log.ts')
      return await verifyLog((await this.#core.settle()).backupDir)
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
    await this.#core.note(await this.#core.settle(), noted, { result, durationMs })
  }

  /** The same database, for another actor: of a server that acts for many. */
  as(actor: Actor): Database {
    const database = new Database()
    database.#core = this.#core.as(actor)
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
      const loaded = await this.#core.load()
      const surroundings = {
        loaded,
        overrides: this.#core.options,
        environment: process.env,
        workingDirectory,
      }
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
      return await makeMetrics(await this.#core.resolveAll(), rest, { now: () => new Date(), signal })
    } catch (error) {
      return toFailure(error)
    }
  }

  /** Sends a test to every channel of the configuration, or to one. A channel that fails is a result (`status: 'failed'`). */
  async testNotifications(request: TestNotificationsRequest = {}): Promise<NotificationsTested | Failure> {
    try {
      const loaded = await this.#core.load()
      const { timeZone } = this.#core.settingsOf(loaded, this.#core.options.database)
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
}

/** The engine's own process has none that anybody reads. */
function noStandardOutput(): Failure {
  return toFailure(
    new BackupError('INVALID_ARGUMENT', 'An export from a program cannot go to standard output', {
      hint: 'Give a path as output. The CLI writes to standard output with: chame-backup export --output -',
    }),
  )
}
