/** What is asked of exports, scans and imports, and what they answer. Part of reports.ts. */
import type { ExportFormat, LeftOut, LostRows, RedactedColumn, RedactionWay } from '../export/model.ts'
import type { SensitiveFinding } from '../export/sensitive/scan.ts'

export type { ExportFormat, LeftOut, LostRows, RedactedColumn, RedactionWay } from '../export/model.ts'
/** A column that looks sensitive. `why` is a sentence that quotes no value. */
export type { SensitiveFinding } from '../export/sensitive/scan.ts'

/** The formats that can be imported again. */
export type ImportFormat = Exclude<ExportFormat, 'parquet'>

export interface ExportDataRequest {
  /** Default `json`. */
  readonly format?: ExportFormat
  /** Whether passwords, tokens and the like are exported as they are; default false. */
  readonly includeSensitive?: boolean
  /** Only these tables. */
  readonly tables?: readonly string[]
  /** All tables but these. */
  readonly exclude?: readonly string[]
  /** Which rows, by table, as SQL conditions. It is the caller's own SQL: it can ask for anything that SELECT can. */
  readonly where?: Readonly<Record<string, string>>
  /** A stored backup to export instead of the live database: its path, its file name, or `latest`. */
  readonly from?: string
  /** With `from`: path of an identity file that opens it if it is encrypted, beside those of the config. */
  readonly identity?: string
  /** With `from`: the target that it is at. */
  readonly target?: string
  /** Where to write: a file, or a directory for `csv` and `parquet`. Default: a name of its own in `exports/`. */
  readonly output?: string
  /** With `output`: replace what is there. */
  readonly force?: boolean
  readonly compress?: 'zstd' | 'gzip'
  /** JSON for people to read. */
  readonly pretty?: boolean
  /** The files of `csv` or `parquet` in one ZIP. */
  readonly zip?: boolean
  readonly csv?: {
    /** One character; default a comma. */
    readonly delimiter?: string
    /** What stands for NULL; default nothing. */
    readonly null?: string
    /** Keep spreadsheets from taking text for a formula, by an apostrophe in front of it. */
    readonly excelSafe?: boolean
  }
  /** What becomes of columns, by `table.column`; it comes on top of what is found by itself. */
  readonly redact?: Readonly<Record<string, RedactionWay>>
  /** Export what can be read of a damaged database. */
  readonly salvage?: boolean
}

export interface DataExported {
  readonly success: true
  readonly format: ExportFormat
  /** Absolute path of the file or directory; `-` for standard output. */
  readonly exportPath: string
  /** The files in it, or the one that it is. */
  readonly files: readonly string[]
  readonly rows: number
  /** As stored, compressed where asked for. */
  readonly bytes: number
  /** Rows by table. */
  readonly tables: Readonly<Record<string, number>>
  /** Whether sensitive columns are in it as they are. */
  readonly sensitive: boolean
  readonly redacted: readonly RedactedColumn[]
  readonly leftOut: readonly LeftOut[]
  /** What could not be read of a damaged database. */
  readonly lost: readonly LostRows[]
  readonly durationMs: number
}

export interface ScanSensitiveRequest {
  /** A stored backup instead of the live database: its path, its file name, or `latest`. */
  readonly from?: string
  /** With `from`: path of an identity file that opens it if it is encrypted, beside those of the config. */
  readonly identity?: string
  /** With `from`: the target that it is at. */
  readonly target?: string
}

export interface SensitiveScan {
  readonly success: true
  readonly findings: readonly SensitiveFinding[]
  /** How many tables and columns were looked at. */
  readonly tables: number
  readonly columns: number
  readonly durationMs: number
}

export interface ImportDataRequest {
  /** The export: a file, or the directory of a CSV export; compressed or not. */
  readonly from: string
  /** The database to make. Nothing may be there yet. */
  readonly to: string
  /** Default: told from its content. */
  readonly format?: ImportFormat
}

export interface DataImported {
  readonly success: true
  /** Absolute path of the new database. */
  readonly databasePath: string
  readonly format: ImportFormat
  /** Rows of each table. */
  readonly tables: Readonly<Record<string, number>>
  readonly rows: number
  /** Size of the new database. */
  readonly bytes: number
  /** Whether the export says that sensitive columns are in it as they are; null where it does not say. */
  readonly sensitive: boolean | null
  /** Columns that were made harmless when it was exported. */
  readonly redacted: readonly RedactedColumn[]
  /** What is not in the export because it would carry what was redacted. */
  readonly leftOut: readonly LeftOut[]
  /** What was lost already when a damaged database was exported. */
  readonly lost: readonly LostRows[]
  /** What a check of the new database found, such as rows that violate a constraint, as the source may have had them. */
  readonly notes: readonly string[]
  readonly durationMs: number
}
