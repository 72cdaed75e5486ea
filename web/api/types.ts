/** The types of the API, from the schemas that validate it: the console has none of its own for what is sent. */
import type { BackupInfo, BackupsCleanedUp, ExportFormat, Info } from '../../src/index.ts'
import type { PlanIssued } from '../../src/server/schemas/backups.ts'
import type { Verdict } from '../../src/server/schemas/databases.ts'

export type {
  AccessToken,
  AuditEntry,
  AuditLogRead,
  AuditLogVerified,
  BackupAdded,
  BackupDecision,
  BackupDeleted,
  BackupInfo,
  BackupLookedInside,
  BackupPinned,
  BackupQueried,
  BackupsCompared,
  Cell,
  ComparedRow,
  ComparedTable,
  JobConfig,
  JobState,
  LookedTable,
  NotificationsTested,
  RetentionPolicy,
  RetentionRules,
  RetentionSimulated,
  Role,
  RowsRead,
  Step,
  TargetInfo,
} from '../../src/index.ts'
export type { SessionView as Session } from '../../src/server/schemas/access.ts'
export type { StoredExportView as StoredExport } from '../../src/server/schemas/data.ts'
export type { FieldProblem } from '../../src/server/schemas/common.ts'
export type { DatabaseSummary, DayView, Verdict } from '../../src/server/schemas/databases.ts'
export type { Job, JobKind, JobOf, JobResults } from '../../src/server/schemas/jobs.ts'
export type {
  ChannelView,
  RetentionView,
  ScheduleEdit,
  ScheduleView,
} from '../../src/server/schemas/schedule.ts'
export type { SettingsView } from '../../src/server/schemas/settings.ts'

export type DatabaseView = Info & { readonly verdict: Verdict }

export type CleanedUp = BackupsCleanedUp

export type CleanupPlanned = BackupsCleanedUp & PlanIssued

export interface BackupPage {
  readonly backups: readonly BackupInfo[]
  /** How many there are that match. */
  readonly total: number
  /** What those take together. */
  readonly sizeBytes: number
  readonly nextCursor: string | null
}

export interface ExportRequest {
  readonly format: ExportFormat
  /** Name of a backup; without it the live database. */
  readonly from?: string
  readonly includeSensitive?: boolean
}
