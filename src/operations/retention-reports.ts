/** What is asked of retention and what it answers: deleting, pinning, cleaning up. Part of reports.ts. */
import type { BackupInfo } from '../catalog/backup-info.ts'

export interface DeleteBackupRequest {
  /** Must be true. */
  readonly confirm?: boolean
  /** Delete it even if it is the last good backup of its database. A pinned backup has to be unpinned first. */
  readonly force?: boolean
}

export interface BackupDeleted {
  readonly success: true
  /** The backup as it was. */
  readonly backup: BackupInfo
  /** Bytes of its stored file. */
  readonly freedBytes: number
  readonly durationMs: number
}

/** `reason` says why the backup must stay, `by` who said so, `at` when (UTC, ISO 8601). */
export type { Pin } from '../catalog/metadata.ts'

export interface PinBackupRequest {
  /** Why it must stay. */
  readonly reason: string
  /** Who says so. Default: the name of the operating system's user. */
  readonly by?: string
}

export interface BackupPinned {
  readonly success: true
  /** The backup as it is now; `pinned` is null after it was unpinned. */
  readonly backup: BackupInfo
}
