/**
 * What the operations are asked and what they answer: the types that every door shows.
 * Everything here survives JSON, so that the CLI's `--json`, HTTP and the engine's process boundary carry the same object.
 */
import type { BackupInfo, CheckLevel } from '../catalog/backup-info.ts'
import type { Encoding } from '../catalog/encodings.ts'
import type { Metadata } from '../catalog/metadata.ts'
import type { ExportFormat, LeftOut, LostRows, RedactedColumn, RedactionWay } from '../export/model.ts'
import type { SensitiveFinding } from '../export/sensitive/scan.ts'
import type { TargetCopy } from './off-site-reports.ts'
import type { SnapshotWay } from '../snapshot/taken-image.ts'

export type { ExportFormat, LeftOut, LostRows, RedactedColumn, RedactionWay } from '../export/model.ts'
export type { BackupsConverted, ConvertBackupsRequest, ConvertedBackup } from './convert-reports.ts'
export type { BackupDrilled, DrillBackupRequest, DrillCheck, RowCount } from './drill-reports.ts'
export type { ServiceFiles, ServiceFilesRequest, ServiceForm } from './service-reports.ts'
export type { SnapshotWay } from '../snapshot/taken-image.ts'
export type * from './compare-reports.ts'
export type * from './blocks-reports.ts'
export type * from './info-reports.ts'
export type * from './look-reports.ts'
export type * from './off-site-reports.ts'
export type * from './retention-reports.ts'

/** The formats that can be imported again. */
export type ImportFormat = Exclude<ExportFormat, 'parquet'>

/** The named steps of every operation, in the order they happen. */
export type Step =
  | 'find-database'
  | 'prepare-directories'
  | 'lock-catalog'
  | 'remove-leftovers'
  | 'copy-image'
  | 'encode-image'
  | 'sync-image'
  | 'check-image'
  | 'publish-image'
  | 'write-metadata'
  | 'find-backup'
  | 'verify-backup'
  | 'inspect-target'
  | 'check-space'
  | 'pre-restore-backup'
  | 'stage-image'
  | 'remove-side-files'
  | 'replace-target'
  | 'apply-image'
  | 'compare-target'
  | 'settle-target'
  | 'roll-back'
  | 'open-source'
  | 'find-sensitive'
  | 'write-rows'
  | 'publish-export'
  | 'find-export'
  | 'import-rows'
  | 'check-import'
  | 'publish-import'
  | 'finish-deletions'
  | 'collect-packs'
  | 'lock-packs'
  | 'verify-packs'
  | 'finish-conversions'
  | 'mark-deleted'
  | 'delete-image'
  | 'delete-metadata'
  | 'decide-retention'
  | 'check-restored'
  | 'remove-scratch'
  | 'read-backup'
  | 'compare-rows'
  | 'send-image'
  | 'copy-off-site'
  | 'list-target'
  | 'fetch-backup'

/** One report of progress. `doneBytes` and `totalBytes` are there for steps that have an extent. */
export interface Progress {
  readonly step: Step
  readonly doneBytes?: number
  readonly totalBytes?: number
  /** Rows written so far, where a step counts them. */
  readonly doneRows?: number
}

/** Options of every long operation. */
export interface RunOptions {
  /** Called at the start of each step, and now and then inside the long ones. */
  readonly onProgress?: (progress: Progress) => void
  /** Cancels the operation; nothing is left behind, and the result has code `CANCELLED`. */
  readonly signal?: AbortSignal
}

export interface CreateBackupRequest {
  /** `manual` (default), `daily`, `weekly`, `pre_restore`, or a type that the config adds. */
  readonly backupType?: string
  readonly description?: string
  /** Default: the name of the operating system's user. */
  readonly createdBy?: string
  /** How deep the stored image is checked; default from the config, else `quick`. */
  readonly check?: CheckLevel
  /** Keep an image that fails its check, as `<file>.damaged`: it may be the last copy of something. */
  readonly keepDamaged?: boolean
  /** Whether it is copied to the targets of the configuration; default true. Otherwise the next sync does that. */
  readonly copy?: boolean
  /** How it is stored; default from the config, else `plain`. */
  readonly encoding?: Encoding
}

export interface BackupCreated {
  readonly success: true
  /** Absolute path of the stored file; for one that is stored at targets alone see `BackupInfo.path`. */
  readonly backupPath: string
  readonly filename: string
  readonly metadata: Metadata
  /** How the image was read: see docs/formats.md. */
  readonly snapshotWay: SnapshotWay
  /** What became of its copies, one entry a target; none without targets. */
  readonly targets: readonly TargetCopy[]
  readonly durationMs: number
}

export interface ListBackupsRequest {
  readonly type?: string
  /** At most so many, the newest ones. */
  readonly limit?: number
  /** Those at this target. Default: those in the backup directory; where nothing is kept there, at the first target. */
  readonly target?: string
}

export interface VerifyBackupRequest {
  /** Default `full`. */
  readonly check?: CheckLevel
  /** Note the result in the backup's metadata, as `verified_at` or `damaged_at`; default false: write nothing. */
  readonly record?: boolean
  /** Path of an identity file that opens an encrypted backup, beside those of the config. */
  readonly identity?: string
  /** The target that the backup is at. Default: the backup directory; where nothing is kept there, the first target. */
  readonly target?: string
}

export interface VerifyProblem {
  readonly code:
    | 'SIZE_DIFFERS'
    | 'CHECKSUM_DIFFERS'
    | 'METADATA_INVALID'
    | 'NOT_DECODABLE'
    | 'NOT_A_DATABASE'
    | 'INTEGRITY'
  readonly message: string
}

export interface BackupVerified {
  readonly success: true
  readonly status: 'intact' | 'damaged'
  readonly problems: readonly VerifyProblem[]
  readonly backup: BackupInfo
  /** SHA-256 of the stored file as it is now, hex. */
  readonly checksum: string
  /** Whether there was a recorded checksum to compare with. */
  readonly checksumCompared: boolean
  /**
   * `stored-file`: only its size and checksum, as with `check: 'none'`, or for want of a key to an encrypted one. `image`: the
   * database in it too.
   */
  readonly lookedAt: 'image' | 'stored-file'
  /** How deep the database was checked: `none` where nobody looked at it. */
  readonly check: CheckLevel
  /** Tables that the check had to leave out, and why: they need a function or collation of their application. */
  readonly unchecked: readonly string[]
  /** Whether the result was noted in the metadata. */
  readonly recorded: boolean
  readonly durationMs: number
}

export interface RestoreBackupRequest {
  /** Must be true wherever something would be overwritten. */
  readonly confirm?: boolean
  /** Restore to this path instead of the protected database. */
  readonly to?: string
  /** Say what would happen, after verifying the backup; touch nothing. */
  readonly dryRun?: boolean
  /** Path of an identity file that opens an encrypted backup, beside those of the config. */
  readonly identity?: string
  /** The target that the backup is at. Default: the backup directory; where nothing is kept there, the first target. */
  readonly target?: string
  /** Take one that nobody has signed, though the configuration trusts keys: from before backups were signed. */
  readonly acceptUnsigned?: boolean
}

/**
 * `transaction`: through SQLite's backup API, so that open connections see the new content.
 * `replace`: a missing or unreadable file was replaced by rename.
 */
export type RestoreWay = 'transaction' | 'replace'

export interface RestorePlan {
  readonly success: true
  readonly dryRun: true
  readonly backup: BackupInfo
  /** Name of the database at the target, which a person may be asked to type. */
  readonly database: string
  readonly targetPath: string
  readonly target: TargetState
  /** Bytes of what is there now; 0 when it is missing. */
  readonly targetSizeBytes: number
  readonly way: RestoreWay
  /** Bytes that the restore needs free beside the target, and for the pre_restore backup. */
  readonly neededBytes: number
  readonly preRestoreBackup: boolean
  readonly durationMs: number
}

export type TargetState = 'missing' | 'database' | 'unreadable'

export interface BackupRestored {
  readonly success: true
  readonly dryRun: false
  readonly backup: BackupInfo
  readonly targetPath: string
  readonly way: RestoreWay
  /** The backup of what was there before; null when nothing was there to keep, or only an unreadable file. */
  readonly preRestoreBackup: BackupInfo | null
  /** Raw copies of files that SQLite could not read, kept beside the pre_restore backups. */
  readonly keptFiles: readonly string[]
  /**
   * `changed-since`: another process committed after the restore and before the comparison.
   * `not-compared`: the database is disposable.
   */
  readonly comparison: 'equal' | 'changed-since' | 'not-compared'
  readonly journalMode: string
  /** What the user should know, such as a journal mode that could not be restored while in use. */
  readonly notes: readonly string[]
  readonly durationMs: number
}

export interface ExportDataRequest {
  /** Default `json`. */
  readonly format?: ExportFormat
  /** Whether passwords, tokens and the like are exported as they are; default false. */
  readonly includeSensitive?: boolean
  /** Only these tables. */
  readonly tables?: readonly string[]
  /** All tables but these. */
  readonly exclude?: readonly string[]
  /** Which rows, by table, as SQL conditions. It is the caller's own SQL: it can ask for anything that SELECT can. */
  readonly where?: Readonly<Record<string, string>>
  /** A stored backup to export instead of the live database: its path, its file name, or `latest`. */
  readonly from?: string
  /** Path of an identity file that opens it if it is encrypted, beside those of the config. */
  readonly identity?: string
  /** The target that it is at. */
  readonly target?: string
  /** Where to write: a file, or a directory for `csv` and `parquet`. Default: a name of its own in `exports/`. */
  readonly output?: string
  /** Replace what is at `output`. */
  readonly force?: boolean
  readonly compress?: 'zstd' | 'gzip'
  /** JSON for people to read. */
  readonly pretty?: boolean
  /** The files of `csv` or `parquet` in one ZIP. */
  readonly zip?: boolean
  readonly csv?: {
    /** One character; default a comma. */
    readonly delimiter?: string
    /** What stands for NULL; default nothing. */
    readonly null?: string
    /** Keep spreadsheets from taking text for a formula, by an apostrophe in front of it. */
    readonly excelSafe?: boolean
  }
  /** What becomes of columns, by `table.column`; it comes on top of what is found by itself. */
  readonly redact?: Readonly<Record<string, RedactionWay>>
  /** Export what can be read of a damaged database. */
  readonly salvage?: boolean
}

export interface DataExported {
  readonly success: true
  readonly format: ExportFormat
  /** Absolute path of the file or directory; `-` for standard output. */
  readonly exportPath: string
  /** The files in it, or the one that it is. */
  readonly files: readonly string[]
  readonly rows: number
  /** As stored, compressed where asked for. */
  readonly bytes: number
  /** Rows by table. */
  readonly tables: Readonly<Record<string, number>>
  /** Whether sensitive columns are in it as they are. */
  readonly sensitive: boolean
  readonly redacted: readonly RedactedColumn[]
  readonly leftOut: readonly LeftOut[]
  /** What could not be read of a damaged database. */
  readonly lost: readonly LostRows[]
  readonly durationMs: number
}

export interface ScanSensitiveRequest {
  /** A stored backup instead of the live database: its path, its file name, or `latest`. */
  readonly from?: string
  /** Path of an identity file that opens it if it is encrypted, beside those of the config. */
  readonly identity?: string
  /** The target that it is at. */
  readonly target?: string
}

/** A column that looks sensitive. `why` is a sentence that quotes no value. */
export type { SensitiveFinding } from '../export/sensitive/scan.ts'

export interface SensitiveScan {
  readonly success: true
  readonly findings: readonly SensitiveFinding[]
  /** How many tables and columns were looked at. */
  readonly tables: number
  readonly columns: number
  readonly durationMs: number
}

export interface ImportDataRequest {
  /** The export: a file, or the directory of a CSV export; compressed or not. */
  readonly from: string
  /** The database to make. Nothing may be there yet. */
  readonly to: string
  /** Default: told from its content. */
  readonly format?: ImportFormat
}

export interface DataImported {
  readonly success: true
  /** Absolute path of the new database. */
  readonly databasePath: string
  readonly format: ImportFormat
  /** Rows of each table. */
  readonly tables: Readonly<Record<string, number>>
  readonly rows: number
  /** Size of the new database. */
  readonly bytes: number
  /** Whether the export says that sensitive columns are in it as they are; null where it does not say. */
  readonly sensitive: boolean | null
  /** Columns that were made harmless when it was exported. */
  readonly redacted: readonly RedactedColumn[]
  /** What is not in the export because it would carry what was redacted. */
  readonly leftOut: readonly LeftOut[]
  /** What was lost already when a damaged database was exported. */
  readonly lost: readonly LostRows[]
  /** What a check of the new database found, such as rows that violate a constraint, as the source may have had them. */
  readonly notes: readonly string[]
  readonly durationMs: number
}
