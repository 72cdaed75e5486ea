/** What is asked of a look inside a backup, and what it answers. Part of reports.ts. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { ExportSettings } from '../export/model.ts'

/**
 * A value of a database in JSON. A plain one is NULL, an integer of up to 2^53 - 1, a real with a fraction, or a
 * text; all others are objects, of which the one key says what they are:
 *
 * - `$integer`: a larger integer, its digits.
 * - `$real`: a real that JSON would make an integer of, such as "1.0", or that it has no number for: "Infinity",
 *   "-Infinity".
 * - `$text`: the beginning of a long text, or of one that is not valid in the database's encoding (`base64`: its bytes);
 *   `bytes` is the length of all of it.
 * - `$blob`: the beginning of a blob in base64; `bytes` is the length of all of it.
 * - `$masked`: a value that is not shown, because its column is sensitive. NULL shows as null all the same.
 */
export type Cell =
  | null
  | number
  | string
  | { readonly $integer: string }
  | { readonly $real: string }
  | { readonly $text: string; readonly bytes: number; readonly base64?: true }
  | { readonly $blob: string; readonly bytes: number }
  | { readonly $masked: true }

/** A sensitive column that was asked for and is not shown. */
export interface MaskedColumn {
  readonly table: string
  readonly column: string
  /** A sentence for people. Never has a value of the column in it. */
  readonly why: string
}

export interface LookedColumn {
  readonly name: string
  /** As declared, such as "VARCHAR(20)"; empty without a type. */
  readonly type: string
  readonly notNull: boolean
  /** Place in the primary key, from 1; 0 outside it. */
  readonly primaryKey: number
  readonly generated: boolean
  /** Why it is sensitive; null when it is not. */
  readonly sensitive: { readonly why: string } | null
}

export interface LookedIndex {
  readonly name: string
  readonly unique: boolean
  /** Null stands for an expression. */
  readonly columns: readonly (string | null)[]
  /** Null for one that SQLite made by itself, for a PRIMARY KEY or a UNIQUE constraint. */
  readonly sql: string | null
}

/**
 * `table`; `view`; `virtual`: has no rows of its own, its shadow tables have them; `shadow`: holds the data of a
 * virtual one; `internal`: of SQLite itself (`sqlite_sequence`, `sqlite_stat1`).
 */
export type LookedKind = 'table' | 'view' | 'virtual' | 'shadow' | 'internal'

export interface LookedTable {
  readonly name: string
  readonly kind: LookedKind
  /** Null where they were not counted: views, virtual tables, and what would take too long. */
  readonly rows: number | null
  /** Null for a view, which SQLite would have to expand, and for a virtual table that cannot be opened here. */
  readonly columns: readonly LookedColumn[] | null
  /** The statement that made it. */
  readonly sql: string
  readonly indexes: readonly LookedIndex[]
  /** Names of its triggers. */
  readonly triggers: readonly string[]
  /** Whether rows can be read from it without `includeSensitive`; not from a shadow table, which holds what its virtual table may mask. */
  readonly readable: boolean
}

export type LookInsideRequest = Record<never, never>

export interface BackupLookedInside {
  readonly success: true
  readonly backup: BackupInfo
  readonly settings: ExportSettings
  readonly sqliteVersion: string
  /** Tables and views in the order in which they were made. */
  readonly tables: readonly LookedTable[]
  readonly durationMs: number
}

export interface ReadRowsRequest {
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

export interface QueryBackupRequest {
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
