/** What a conversion is asked and what it answers. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Encoding } from '../catalog/encodings.ts'
import type { ErrorCode } from '../errors.ts'

export interface ConvertBackupsRequest {
  /** Which ones: each by its path, its file name, or `latest`. Default: all of this database. */
  readonly backups?: readonly string[]
  /** How they are stored then; default from the config, else `plain`. */
  readonly encoding?: Encoding
  /** Path of an identity file that opens encrypted backups, beside those of the config. */
  readonly identity?: string
  /** Convert, and sign, those that nobody has signed, though the configuration trusts keys: from before backups were signed. */
  readonly acceptUnsigned?: boolean
}

export interface ConvertedBackup {
  /** The backup as it is now. */
  readonly backup: BackupInfo
  /** Its file name before. */
  readonly from: string
  /** Bytes of its file before. */
  readonly sizeBefore: number
}

export interface BackupsConverted {
  readonly success: true
  /** `incomplete`: some could not be converted, and are as they were. */
  readonly status: 'done' | 'incomplete'
  readonly converted: readonly ConvertedBackup[]
  /** Left alone, and why: stored like that already, or without metadata. */
  readonly skipped: readonly { readonly filename: string; readonly why: string }[]
  readonly failed: readonly {
    readonly filename: string
    readonly code: ErrorCode
    readonly message: string
    /** What to do next, where that is known. */
    readonly hint?: string
  }[]
  readonly durationMs: number
}
