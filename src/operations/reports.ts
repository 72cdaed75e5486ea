/**
 * What the operations are asked and what they answer: the types that every door shows.
 * Everything here survives JSON, so that the CLI's `--json`, HTTP and the engine's process boundary carry the same object.
 */
import type { BackupInfo, CheckLevel } from '../catalog/backup-info.ts'
import type { Encoding } from '../catalog/encodings.ts'
import type { Metadata } from '../catalog/metadata.ts'
import type { TargetCopy } from './off-site-reports.ts'
import type { SnapshotWay } from '../snapshot/taken-image.ts'

export type { BackupsConverted, ConvertBackupsRequest, ConvertedBackup } from './convert-reports.ts'
export type { BackupDrilled, DrillBackupRequest, DrillCheck, RowCount } from './drill-reports.ts'
export type { ServiceFiles, ServiceFilesRequest, ServiceForm } from './service-reports.ts'
export type { SnapshotWay } from '../snapshot/taken-image.ts'
export type * from './blocks-reports.ts'
export type * from './compare-reports.ts'
export type * from './data-reports.ts'
export type * from './info-reports.ts'
export type * from './look-reports.ts'
export type * from './off-site-reports.ts'
export type * from './retention-reports.ts'

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
  /**
   * How deep SQLite checks the backup before anything is touched; its SHA-256 is compared at all times. `quick` by
   * default. `none` leaves to that checksum what was checked when the backup was made; another is checked all the
   * same.
   */
  readonly check?: CheckLevel
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
