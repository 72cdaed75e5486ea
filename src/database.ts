import type { Actor } from './audit/entry.ts'
import type { BackupInfo } from './catalog/backup-info.ts'
import type { Settings } from './config/settings.ts'
import { DatabaseCore, type DatabaseOptions } from './database-core.ts'
import { DatabaseSurroundings } from './database-surroundings.ts'
import { BackupError, type Failure, fromFailure, toFailure } from './errors.ts'
import type { AddBackupRequest, BackupAdded } from './operations/file-reports.ts'
import type { CheckKeysRequest, KeysChecked } from './operations/key-reports.ts'
import type {
  BackupCreated,
  BackupDeleted,
  BackupLookedInside,
  BackupPinned,
  BackupQueried,
  BackupsConverted,
  BackupDrilled,
  BackupRestored,
  BackupsCleanedUp,
  BackupVerified,
  BackupsCompared,
  BackupsRepaired,
  CleanupRequest,
  CompareBackupsRequest,
  ConvertBackupsRequest,
  CopiesVerified,
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
  LookInsideRequest,
  PinBackupRequest,
  QueryBackupRequest,
  ReadRowsRequest,
  RepairBackupsRequest,
  RestoreBackupRequest,
  RestorePlan,
  RetentionSimulated,
  RowsRead,
  RunOptions,
  ScanSensitiveRequest,
  SensitiveScan,
  SimulateRetentionRequest,
  StoreVerified,
  UnpinBackupRequest,
  VerifyBackupRequest,
  VerifyCopiesRequest,
  VerifyStoreRequest,
} from './operations/reports.ts'

/** A database whose settings are known already, so that its configuration is not read once more. Not public. */
export let databaseOf: (settings: Settings, actor: Actor) => Database

/**
 * Makes a backup as {@link Database.createBackup} does, and says when it has ended but for its line in the audit log: from
 * then on the catalog is free for the next one. Not public.
 */
export let createBackupThen: (
  database: Database,
  request: CreateBackupRequest & RunOptions,
  onEnded: () => void,
) => Promise<BackupCreated | Failure>

/**
 * A SQLite database that is protected: its backups can be made, listed, verified and restored.
 *
 * Foreseen failures come back as `{ success: false, code, message, hint }`; only `listBackups`,
 * which returns the list itself, throws them (as {@link BackupError}).
 */
export class Database extends DatabaseSurroundings {
  static {
    databaseOf = (settings, actor) => {
      const database = new Database()
      database.core = new DatabaseCore({ actor }, Promise.resolve(settings))
      return database
    }
    createBackupThen = (database, request, onEnded) => database.core.run('create', request, onEnded)
  }

  constructor(options: DatabaseOptions = {}) {
    super(new DatabaseCore(options))
  }

  /** Makes a consistent, checked backup of the database as of one commit. */
  createBackup(request: CreateBackupRequest & RunOptions = {}): Promise<BackupCreated | Failure> {
    return this.core.run('create', request)
  }

  /**
   * Copies to the targets of the configuration what they lack of the backup directory, and completes copies that were
   * interrupted. A target that fails is a result (`status: 'incomplete'`), not a failure.
   */
  syncTargets(request: SyncTargetsRequest & RunOptions = {}): Promise<TargetsSynced | Failure> {
    return this.core.run('sync', request)
  }

  /**
   * Adds a file as a backup of this database. It is listed once a full check has found it intact; the file stays where it is.
   * `BACKUP_UNSUPPORTED` for what is no database, as it is or compressed with zstd, `BACKUP_DAMAGED` for one that fails the
   * check.
   *
   * @param from path of the file
   */
  addBackup(from: string, request: AddBackupRequest & RunOptions = {}): Promise<BackupAdded | Failure> {
    return this.core.run('add', { ...request, from })
  }

  /** The backups of this database, newest first; an empty list when there are none. Throws {@link BackupError}. */
  async listBackups(request: ListBackupsRequest = {}): Promise<readonly BackupInfo[]> {
    const listed = await this.core.run('list', request)
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
    return this.core.run('restore', { ...request, backup })
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
    return this.core.run('verify', { ...request, backup })
  }

  /**
   * Proves that every page of every backup of pages (`encoding: 'blocks'`) in the backup directory is there and is what
   * it was, of all databases: in full, or a sample that goes on where the last one stopped. Damage is a result
   * (`status: 'damaged'`), with the backups that it hurts.
   */
  verifyStore(request: VerifyStoreRequest & RunOptions = {}): Promise<StoreVerified | Failure> {
    return this.core.run('verifyStore', request)
  }

  /**
   * Reads again what lies at the targets, as it lies there, those objects first that were read longest ago: all of it, or
   * a part that goes on where the last one stopped. What is damaged or gone is a result (`status: 'damaged'`), is noted in
   * the backups' metadata, and is replaced by the next sync.
   */
  verifyCopies(request: VerifyCopiesRequest & RunOptions = {}): Promise<CopiesVerified | Failure> {
    return this.core.run('verifyCopies', request)
  }

  /**
   * Replaces what is damaged or gone in the backup directory by good copies from targets: stored files, and packs of
   * backups of pages. Nothing is put in its place before all of it was fetched and found to be what was stored. One that
   * no target has is a result (`status: 'incomplete'`).
   */
  repairBackups(request: RepairBackupsRequest & RunOptions = {}): Promise<BackupsRepaired | Failure> {
    return this.core.run('repair', request)
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
    return this.core.run('drill', { ...request, backup })
  }

  /**
   * Writes a readable copy of the data as of one commit, of the live database or of a stored backup. Passwords,
   * tokens and the like are left out unless `includeSensitive` says otherwise.
   */
  async exportData(request: ExportDataRequest & RunOptions = {}): Promise<DataExported | Failure> {
    if (request.output === '-' && this.core.options.engine !== 'here') return noStandardOutput()
    return this.core.run('export', request)
  }

  /** Which columns an export would leave out by itself, and why. Writes nothing. */
  scanSensitive(request: ScanSensitiveRequest & RunOptions = {}): Promise<SensitiveScan | Failure> {
    return this.core.run('scan', request)
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
    return this.core.run('delete', { ...request, backup })
  }

  /**
   * Deletes the backups that the retention policy does not keep; by default of the last 7 daily and 4 weekly ones
   * none, and no manual one. The answer says what was kept, and why.
   */
  cleanupOldBackups(request: CleanupRequest & RunOptions = {}): Promise<BackupsCleanedUp | Failure> {
    return this.core.run('cleanup', request)
  }

  /**
   * Stores existing backups in another encoding. When and why they were made, their pins and checks stay; the old file
   * goes once the new one was read back. One that cannot be converted is a result (`status: 'incomplete'`), unless it is
   * the only one that was asked for.
   */
  convertBackups(request: ConvertBackupsRequest & RunOptions = {}): Promise<BackupsConverted | Failure> {
    return this.core.run('convert', request)
  }

  /** What the retention policy would hold over time, with a daily and a weekly backup. Deletes nothing. */
  simulateRetention(
    request: SimulateRetentionRequest & RunOptions = {},
  ): Promise<RetentionSimulated | Failure> {
    return this.core.run('simulate', request)
  }

  /** Says of a backup that nothing may delete it. */
  pinBackup(backup: string, request: PinBackupRequest & RunOptions): Promise<BackupPinned | Failure> {
    return this.core.run('pin', { ...request, backup })
  }

  /** Takes a backup's pin away. */
  unpinBackup(
    backup: string,
    request: UnpinBackupRequest & RunOptions = {},
  ): Promise<BackupPinned | Failure> {
    return this.core.run('unpin', { ...request, backup })
  }

  /** The state of the database, its backups and the space for the next one. */
  info(request: InfoRequest & RunOptions = {}): Promise<Info | Failure> {
    return this.core.run('info', request)
  }

  /**
   * Whether keys really open the encrypted backups that are there, here or at a target: each is tried on each of them, and
   * the newest is decrypted to its end and checked. What does not open is a result (`status: 'failed'` or `'incomplete'`),
   * not a failure.
   */
  checkKeys(request: CheckKeysRequest & RunOptions = {}): Promise<KeysChecked | Failure> {
    return this.core.run('checkKeys', request)
  }

  /**
   * Makes a new database of an export. Nothing is overwritten, and the database of this object is not
   * touched: it need not exist.
   */
  importData(request: ImportDataRequest & RunOptions): Promise<DataImported | Failure> {
    return this.core.run('import', request)
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
    return this.core.run('look', { ...request, backup })
  }

  /** Rows of a table or a view in a stored backup, some at a time. Sensitive columns are masked unless asked for. */
  readRows(backup: string, request: ReadRowsRequest & RunOptions): Promise<RowsRead | Failure> {
    return this.core.run('rows', { ...request, backup })
  }

  /**
   * Runs one statement that only reads on a stored backup, within limits of time and size. Sensitive columns read as NULL
   * unless asked for. What SQLite does not understand is `INVALID_ARGUMENT`, with what it says.
   */
  queryBackup(backup: string, request: QueryBackupRequest & RunOptions): Promise<BackupQueried | Failure> {
    return this.core.run('query', { ...request, backup })
  }

  /**
   * What restoring a backup would change: table by table the rows that would be added, removed and changed, with `table`
   * down to their cells. With `with`, from that backup to this one.
   */
  compareBackups(
    backup: string,
    request: CompareBackupsRequest & RunOptions = {},
  ): Promise<BackupsCompared | Failure> {
    return this.core.run('compare', { ...request, backup })
  }

  /** The same database, for another actor: of a server that acts for many. */
  as(actor: Actor): Database {
    const database = new Database()
    database.core = this.core.as(actor)
    return database
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
