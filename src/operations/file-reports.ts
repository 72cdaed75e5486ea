/** What is asked of stored files, and of the configuration's, and what is answered. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { RetentionPolicy } from '../retention/policy.ts'
import type { JobKind } from '../schedule/jobs.ts'
import type { JobConfig } from '../config/config.ts'

export interface AddBackupRequest {
  /** Default: `manual`. */
  readonly backupType?: string
  /** Default: where it came from. */
  readonly description?: string
  /** Default: the name of the operating system's user. */
  readonly createdBy?: string
  /** As of when its data are, ISO 8601. Default: now. */
  readonly createdAt?: string
}

export interface BackupAdded {
  readonly success: true
  readonly backup: BackupInfo
  /** What should be known of it: that it has none of the tables of the newest backup, as one of another database has. */
  readonly notes: readonly string[]
  readonly durationMs: number
}

/** As it is stored, or the plain database that is in it. */
export type BackupForm = 'stored' | 'database'

export interface OpenBackupRequest {
  /** Default: `stored`. */
  readonly form?: BackupForm
  /** The target that it is at. Default: the backup directory; where nothing is kept there, the first target. */
  readonly target?: string
  readonly signal?: AbortSignal
}

export interface UnpackBackupRequest {
  readonly backup: string
  /** Path of the new file, where nothing is yet. */
  readonly to: string
}

export interface BackupUnpacked {
  readonly success: true
  /** SHA-256 of the database, hex. */
  readonly checksum: string
}

/** A file that can be read from any place on, until it is closed. */
export interface StoredFile {
  readonly success: true
  readonly filename: string
  /** Whether it lies there and stays; false: it was made for this, and is made anew the next time. */
  readonly isStored: boolean
  readonly sizeBytes: number
  /** Names this very content: another content has another one. */
  readonly etag: string
  readonly modifiedAt: Date
  /** Whether sensitive columns may be in it as they are. */
  readonly sensitive: boolean
  /** Bytes from `start` up to, not with, `end`. */
  read(range: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

export interface StoredExport {
  /** File name in `exports/` of the backup directory. */
  readonly name: string
  readonly sizeBytes: number
  /** When it was last written; UTC, ISO 8601. */
  readonly created: string
  /** What its name says: "json", "csv.zip", … */
  readonly format: string
  /** Whether sensitive columns are in it as they are, by its name. */
  readonly sensitive: boolean
}

export interface ExportsListed {
  readonly success: true
  /** Newest first. */
  readonly exports: readonly StoredExport[]
}

export interface ExportDeleted {
  readonly success: true
  /** As it was. */
  readonly export: StoredExport
}

/** Where settings stand, and whether this program can change them. */
export interface Editable {
  /** Null without a configuration file: one is made then. */
  readonly file: string | null
  readonly isEditable: boolean
  /** Why not, and what to do instead; null when they can be edited. */
  readonly why: string | null
  /** Names what they are now: an edit that gives it is refused once somebody else has changed them. */
  readonly version: string
}

/** What may be edited of the schedule; it replaces what the configuration says of it. */
export interface ScheduleSettings {
  readonly jobs?: Readonly<Record<string, JobConfig | false>> | undefined
  readonly maxBackupAge?: string | undefined
  readonly graceTime?: string | undefined
  readonly digest?: string | false | undefined
}

export interface SettingsShown {
  readonly success: true
  /** The database that this is about. */
  readonly database: string
  readonly databases: readonly {
    readonly name: string
    readonly isDefault: boolean
    readonly path: string
    readonly backupDir: string
    /** The target whose backups are meant where none is named; null: those in the backup directory. */
    readonly primaryTarget: string | null
  }[]
  /** IANA name; null: the system's. */
  readonly timeZone: string | null
  /** Types that a scheduled backup may have. */
  readonly backupTypes: readonly string[]
  readonly editable: Editable
  readonly signing: {
    /** Whether new backups are signed. */
    readonly signs: boolean
    /** The public keys whose backups are restored; none: signatures are not looked at. */
    readonly trusted: readonly string[]
  }
  /** What holds for this database, defaults among it. */
  readonly retention: { readonly policy: RetentionPolicy; readonly maxDeletions: number }
  readonly schedule: {
    /** As the configuration has it. */
    readonly configured: ScheduleSettings
    /** What holds, defaults among it. */
    readonly jobs: readonly {
      readonly name: string
      readonly kind: JobKind
      readonly cron: string
      readonly isDefault: boolean
    }[]
  }
  /** Without their secrets. */
  readonly channels: readonly {
    readonly name: string
    readonly kind: string
    readonly events: readonly string[] | null
    readonly databases: readonly string[] | null
  }[]
  readonly targets: readonly {
    readonly name: string
    readonly kind: string
    readonly appendOnly: boolean
  }[]
}

export interface EditSettingsRequest {
  /** Of this database. `types` replaces what the configuration says of it; a type that it does not name has its default. */
  readonly retention?: { readonly types?: RetentionPolicy; readonly maxDeletions?: number }
  /** Of all databases. */
  readonly schedule?: ScheduleSettings
  /** As `editable.version` was: `CATALOG_LOCKED` when the configuration is another one by now. Default: whatever it is. */
  readonly version?: string
}

export interface SettingsEdited {
  readonly success: true
  /** Absolute path of the configuration file. */
  readonly file: string
  /** False when it said all that already. */
  readonly changed: boolean
}
