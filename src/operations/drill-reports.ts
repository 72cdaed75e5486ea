/** What a drill is asked and what it answers. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { VerifyProblem } from './reports.ts'

export interface DrillBackupRequest {
  /** The directory, which has to be there, that the scratch directory is made in. Default: the backup directory. */
  readonly scratchDir?: string
  /** Path of an identity file that opens an encrypted backup, beside those of the config. */
  readonly identity?: string
  /** The target that the backup is at. Default: the backup directory; where nothing is kept there, the first target. */
  readonly target?: string
  /** Take one that nobody has signed, though the configuration trusts keys: from before backups were signed. */
  readonly acceptUnsigned?: boolean
}

/**
 * One question that a drill asks. `skipped`: it could not be asked, and `message` says why. `signature` is asked where the
 * configuration trusts keys.
 */
export interface DrillCheck {
  readonly name: 'signature' | 'stored-file' | 'restore' | 'integrity' | 'row-counts'
  readonly status: 'passed' | 'failed' | 'skipped'
  readonly message: string
}

/** Rows of one table: in the backup's metadata and in the restored database; null where it is not there. */
export interface RowCount {
  readonly table: string
  readonly recorded: number | null
  readonly found: number | null
}

export interface BackupDrilled {
  readonly success: true
  readonly status: 'passed' | 'failed'
  readonly backup: BackupInfo
  /** All of them, in the order in which they are made. */
  readonly checks: readonly DrillCheck[]
  readonly rowCounts: readonly RowCount[]
  readonly integrity: {
    readonly level: 'full'
    readonly problems: readonly VerifyProblem[]
    /** Tables that the check had to leave out, and why: they need a function or collation of their application. */
    readonly unchecked: readonly string[]
  }
  /** Of the restored database; 0 when it could not be restored. */
  readonly bytes: number
  /** How long the restore itself took, its verification included; null when it failed. */
  readonly restoreMs: number | null
  readonly durationMs: number
  /** Where it was restored. */
  readonly scratchDirectory: string
  readonly scratchRemoved: boolean
  /** Whether the result was noted in the backup's metadata, as `last_drill`. */
  readonly recorded: boolean
  /** What the user should know, such as why it was not. */
  readonly notes: readonly string[]
}
