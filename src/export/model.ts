/** What an export consists of, whatever its format: the shape of a database's content, apart from its rows. */

export const FORMATS = ['json', 'ndjson', 'csv', 'sql', 'parquet'] as const

/** How an export is written. `parquet` cannot be imported again. */
export type ExportFormat = (typeof FORMATS)[number]

/** Version of everything that docs/formats.md says of exports. */
export const EXPORT_VERSION = 1

/** What a database is set to, so that it can be made anew. */
export interface ExportSettings {
  readonly page_size: number
  readonly encoding: 'UTF-8' | 'UTF-16le' | 'UTF-16be'
  /** 0 none, 1 full, 2 incremental. */
  readonly auto_vacuum: number
  readonly user_version: number
  readonly application_id: number
  readonly journal_mode: 'wal' | 'delete'
}

/** An entry of `sqlite_schema` that somebody created, with the statement that makes it. */
export interface SchemaObject {
  readonly type: 'table' | 'index' | 'view' | 'trigger'
  readonly name: string
  /** The table that it belongs to; its own name for a table or a view. */
  readonly table: string
  readonly sql: string
}

/**
 * `ordinary`; `virtual`: has no rows of its own, its shadow tables have them; `shadow`: holds the data of a
 * virtual one; `internal`: of SQLite itself (`sqlite_sequence`, `sqlite_stat1`, `sqlite_stat4`).
 */
export type TableKind = 'ordinary' | 'virtual' | 'shadow' | 'internal'

/** A table whose rows are in the export. */
export interface ExportTable {
  readonly name: string
  readonly kind: Exclude<TableKind, 'virtual'>
  /** The exported columns in their order; generated ones and those left out are not among them. */
  readonly columns: readonly string[]
  /**
   * Under which name each row's rowid stands before its columns, and by which SQL knows it: one of `rowid`,
   * `_rowid_` and `oid` that no column has. Null when the rowid is a column anyway (INTEGER PRIMARY KEY), there
   * is none (WITHOUT ROWID), or columns take all three names.
   */
  readonly rowid: string | null
  /** File of the export that holds the rows, relative to the schema file; null where all is in one. */
  readonly file: string | null
}

/** Everything that is needed to make the database anew, but for the rows. */
export interface ExportSchema {
  readonly settings: ExportSettings
  /** In an order in which they can be created: tables, then indexes, views and triggers. */
  readonly objects: readonly SchemaObject[]
  /** In the order in which their rows stand in the export. */
  readonly tables: readonly ExportTable[]
}

/** How a column was made harmless. `omit` leaves it out; the others replace its values. */
export const REDACTIONS = ['omit', 'null', 'mask', 'hash', 'fixed', 'fake'] as const
export type RedactionWay = (typeof REDACTIONS)[number]

export interface RedactedColumn {
  readonly table: string
  readonly column: string
  readonly how: RedactionWay
}

/** A table, index, view or trigger that is not in the export because it would carry what was redacted, or rests on it. */
export interface LeftOut {
  readonly type: SchemaObject['type']
  readonly name: string
  readonly why: string
}

/** What was lost of a damaged database. */
export interface LostRows {
  readonly table: string
  /** What could not be read, such as "rowids 1,203 to 1,377". */
  readonly what: string
  readonly why: string
}

/** Stands at the head of every export. */
export interface ExportMetadata {
  readonly format: ExportFormat
  readonly version: typeof EXPORT_VERSION
  /** Name of the database. */
  readonly database: string
  /** UTC, ISO 8601. */
  readonly created_at: string
  readonly created_by: string
  /** File name of the backup that it was made of; null for the live database. */
  readonly backup: string | null
  readonly sqlite_version: string
  /** Whether sensitive columns are in it as they are. */
  readonly sensitive: boolean
  readonly redacted: readonly RedactedColumn[]
  readonly left_out: readonly LeftOut[]
  /** How CSV was written; absent elsewhere. */
  readonly csv?: CsvDialect
}

/** Stands at the end of every export: one without it was cut off. */
export interface ExportSummary {
  /** Rows by table. */
  readonly tables: Readonly<Record<string, number>>
  readonly rows: number
  readonly lost: readonly LostRows[]
}

export interface CsvDialect {
  /** One character. */
  readonly delimiter: string
  /** What stands, unquoted, for NULL. */
  readonly null: string
  /** Whether text that a spreadsheet would take for a formula has an apostrophe in front. */
  readonly excel_safe: boolean
}

export type StorageClass = 'integer' | 'real' | 'text' | 'blob' | 'null'

/** One column of a table as it is exported: the SQL expression that gives its value, and the name it stands under. */
export interface ColumnPlan {
  readonly name: string
  /** SQL over the table's own columns: the quoted column name, or that within a function of ours. */
  readonly sql: string
  /** What most of its values are, to look for it first; only a guess. */
  readonly likely?: StorageClass
}

/** One table as it is exported. */
export interface TablePlan extends Omit<ExportTable, 'columns'> {
  readonly columns: readonly ColumnPlan[]
  /** SQL condition on its rows, as the caller gave it; null for all. */
  readonly where: string | null
}
