/** What is asked of a look inside a backup, and what it answers. Part of reports.ts. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { ExportSettings } from '../export/model.ts'
import type { Cell, LookedTable, MaskedColumn } from '../look/model.ts'

export type { Cell, LookedColumn, LookedIndex, LookedKind, LookedTable, MaskedColumn } from '../look/model.ts'

/** What finds and opens the backup, in each of the requests below. */
interface Opening {
  /** Path of an identity file that opens an encrypted one, beside those of the configuration. */
  readonly identity?: string
  /** The one at this target. */
  readonly target?: string
  /** Path of its plain image, from `openImage` of `Administration`: what would be fetched or decoded otherwise. */
  readonly image?: string
}

export type LookInsideRequest = Opening

export interface BackupLookedInside {
  readonly success: true
  readonly backup: BackupInfo
  readonly settings: ExportSettings
  readonly sqliteVersion: string
  /** Tables and views in the order in which they were made. */
  readonly tables: readonly LookedTable[]
  readonly durationMs: number
}

export interface ReadRowsRequest extends Opening {
  /** A table or a view. */
  readonly table: string
  /** 1 to 500; default 50. */
  readonly limit?: number
  /** So many rows are passed over; default 0. */
  readonly offset?: number
  /** Only rows with a value that contains this text; ASCII letters match in either case. Masked columns are not searched. */
  readonly search?: string
  /** Order by this column; default by the rowid or the primary key. A masked column is refused. */
  readonly orderBy?: string
  readonly descending?: boolean
  /** Whether sensitive columns are shown; default false. */
  readonly includeSensitive?: boolean
}

export interface RowsRead {
  readonly success: true
  readonly backup: BackupInfo
  readonly table: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  /** Columns that are not shown. Those that a view or a virtual table reads are read as NULL. */
  readonly masked: readonly MaskedColumn[]
  /** Rows of the whole table; null with `search`, and for views and virtual tables. */
  readonly total: number | null
  /** Whether there are rows behind these. */
  readonly hasMore: boolean
  readonly durationMs: number
}

export interface QueryBackupRequest extends Opening {
  /** One statement that only reads: SELECT, WITH, VALUES or EXPLAIN. */
  readonly sql: string
  /** Rows at most, 1 to 1,000; default 200. */
  readonly limit?: number
  /** 1 to 30,000; default 5,000. */
  readonly timeLimitMs?: number
  /** Whether sensitive columns can be read; default false: they read as NULL. */
  readonly includeSensitive?: boolean
}

export interface BackupQueried {
  readonly success: true
  readonly backup: BackupInfo
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  /** Sensitive columns that the statement reads, and that read as NULL for it, in conditions too. */
  readonly masked: readonly MaskedColumn[]
  /** Why there are no more rows here though the statement has more; null when these are all. */
  readonly truncated: 'rows' | 'bytes' | null
  readonly durationMs: number
}
