/** What is asked of a comparison, and what it answers. Part of reports.ts. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { ComparedObject, ComparedRows, ComparedTable } from '../look/compared.ts'

export type {
  ComparedObject,
  ComparedRow,
  ComparedRows,
  ComparedTable,
  RowMatching,
} from '../look/compared.ts'

export interface CompareBackupsRequest {
  /** The other backup: its path, its file name, or `latest`. Default: the live database. */
  readonly with?: string
  /** Path of an identity file that opens encrypted backups, beside those of the configuration. */
  readonly identity?: string
  /** The one at this target; what it is compared with is in the backup directory. */
  readonly target?: string
  /** Path of its plain image, from `openImage` of `Administration`: what would be fetched or decoded otherwise. */
  readonly image?: string
  /** The same of the other backup. */
  readonly withImage?: string
  /** Compare this table only, and show its rows. */
  readonly table?: string
  /** With `table`: rows to show, 1 to 500; default 50. */
  readonly limit?: number
  /** With `table`: so many differing rows are passed over; default 0. */
  readonly offset?: number
  /** With `table`: whether sensitive columns are shown; default false. They are compared in any case. */
  readonly includeSensitive?: boolean
}

/** One side of a comparison. */
export interface ComparedSide {
  /** `database`: the live one, as of one commit. */
  readonly kind: 'database' | 'backup'
  readonly path: string
  /** Null for the live database. */
  readonly backup: BackupInfo | null
}

/** What it takes to come from `from` to `to`; with the live database as `from`: what restoring the backup would change. */
export interface BackupsCompared {
  readonly success: true
  readonly from: ComparedSide
  readonly to: ComparedSide
  /** `equal`: no row and nothing of the schema differs; `incomplete`: as far as it could be compared. */
  readonly status: 'equal' | 'different' | 'incomplete'
  /** In the order of their names; only the one that was asked for, if one was. Of virtual ones their shadow tables. */
  readonly tables: readonly ComparedTable[]
  /** In the order of their names; empty if one table was asked for. */
  readonly objects: readonly ComparedObject[]
  /** The rows of the table that was asked for; null otherwise. */
  readonly rows: ComparedRows | null
  readonly durationMs: number
}

/** A comparison in a few figures, for whoever is asked whether to go on. */
export interface ComparisonSummary {
  readonly status: BackupsCompared['status']
  /** Tables of which something differs, and how many there are on either side. */
  readonly differingTables: number
  readonly tables: number
  /** Rows of all tables together. */
  readonly added: number
  readonly removed: number
  readonly changed: number
}
