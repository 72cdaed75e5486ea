import type { BackupInfo } from './catalog/backup-info.ts'
import { loadConfig } from './config/load.ts'
import { resolveSettings, type Settings } from './config/settings.ts'
import { type OperationName, type Operations, runOperation } from './engine/engine.ts'
import { BackupError, type Failure, fromFailure, toFailure } from './errors.ts'
import type {
  BackupCreated,
  BackupRestored,
  BackupVerified,
  CreateBackupRequest,
  DataExported,
  ExportDataRequest,
  DataImported,
  ImportDataRequest,
  Info,
  ListBackupsRequest,
  RestoreBackupRequest,
  RestorePlan,
  RunOptions,
  ScanSensitiveRequest,
  SensitiveScan,
  VerifyBackupRequest,
} from './operations/reports.ts'

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
    const workingDirectory = process.cwd()
    const loaded = await loadConfig(
      workingDirectory,
      this.#options.config ?? process.env['CHAME_BACKUP_CONFIG'],
    )
    return resolveSettings(loaded, this.#options, process.env, workingDirectory)
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
