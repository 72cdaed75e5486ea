/** What `info` answers. Part of reports.ts. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { LastDrill } from '../catalog/metadata.ts'
import type { StoreTotals } from './blocks-reports.ts'
import type { JobState, SchedulerHolder } from '../schedule/state.ts'

export type { DatabaseState, JobState, LastRun, SchedulerHolder } from '../schedule/state.ts'

export interface TypeTotals {
  readonly type: string
  readonly count: number
  /** Bytes of the stored files; what backups of pages have in common is in `store`. */
  readonly sizeBytes: number
  /** UTC, ISO 8601; null when there is none. */
  readonly newest: string | null
}

export interface DatabaseFacts {
  readonly sizeBytes: number
  readonly walBytes: number
  readonly pageSize: number
  readonly pageCount: number
  readonly freePages: number
  readonly journalMode: string
  readonly encoding: string
  readonly userVersion: number
  readonly sqliteVersion: string
  readonly tables: readonly { readonly name: string; readonly rows: number | null }[]
}

/** Nothing is asked but what the database is. */
export type DescribeRequest = Readonly<Record<never, never>>

/** What the database is; its backups are not asked for. */
export interface DatabaseDescribed {
  readonly success: true
  /** Null when the database is missing or cannot be read; `databaseProblem` says why. */
  readonly database: DatabaseFacts | null
  readonly databaseProblem: string | null
}

export interface InfoRequest {
  /** Describe the backups at this target, not those in the backup directory. */
  readonly target?: string
}

/** Which of the backups that are described a target has, as far as was noted. */
export interface KnownCopies {
  readonly target: string
  readonly count: number
  /** How many of them it does not have, or has damaged. */
  readonly lacking: number
  /** How many of them were found damaged there, and have not been replaced. */
  readonly damaged: number
  /** When any of them was last read there and found intact, UTC, ISO 8601; null when none was. */
  readonly verifiedAt: string | null
  /** When the newest of them was made, UTC, ISO 8601; null when it has none. */
  readonly newest: string | null
}

export interface Info {
  readonly success: true
  readonly name: string
  readonly databasePath: string
  /** Null when the database is missing or cannot be read; `databaseProblem` says why. */
  readonly database: DatabaseFacts | null
  readonly databaseProblem: string | null
  readonly backupDir: string
  /** The target whose backups are described; null: the backup directory's. */
  readonly target: string | null
  /** The targets of the configuration. */
  readonly targets: readonly KnownCopies[]
  readonly backups: {
    readonly count: number
    /** Bytes of the stored files, without packs: see `store`. */
    readonly sizeBytes: number
    readonly byType: readonly TypeTotals[]
    readonly newest: BackupInfo | null
    /** Age of the newest backup in milliseconds; null when there is none. */
    readonly newestAgeMs: number | null
    /** Bytes a day that the image grew between the oldest and the newest backup; null with fewer than two. */
    readonly growthBytesPerDay: number | null
    /** The last drill of any of the backups there are, and of which; null when none was drilled. */
    readonly lastDrill: (LastDrill & { readonly filename: string }) | null
    /** The newest whose last check passed, pre_restore backups aside; null when there is none. */
    readonly lastGood: BackupInfo | null
    readonly lastGoodAgeMs: number | null
    /** How many are not signed by a trusted key; null where the configuration trusts none. */
    readonly untrusted: number | null
  }
  /** The packs that backups of pages rely on, of all databases in the backup directory; null where there are none. */
  readonly store: StoreTotals | null
  /** The configuration's `schedule.maxBackupAge`; null when there is no limit. */
  readonly maxBackupAgeMs: number | null
  /** Whether the last good backup is older than that, or missing. */
  readonly isOverdue: boolean
  /** What should be known about the keys that new backups are encrypted to. */
  readonly warnings: readonly string[]
  /** What the scheduler last wrote about this database; null when it never ran here. */
  readonly schedule: ScheduleSummary | null
  readonly disk: {
    readonly freeBytes: number
    /** What the next backup would need there; 0 when nobody can say. */
    readonly nextBackupBytes: number
    /** How many such backups still fit. */
    readonly fits: number
  }
}

/** The state file's part about one database. */
export interface ScheduleSummary {
  readonly updatedAt: string
  readonly scheduler: SchedulerHolder
  readonly jobs: readonly JobState[]
}
