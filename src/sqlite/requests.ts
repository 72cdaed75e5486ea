/**
 * What the SQLite process can be asked. It is the only process that opens protected databases with
 * SQLite, and it has at most one reader and one target open.
 */

import type { Failure } from '../errors.ts'
import type {
  CsvDialect,
  ExportFormat,
  LeftOut,
  LostRows,
  RedactedColumn,
  SchemaObject,
  TablePlan,
} from '../export/model.ts'
import type { SensitiveFinding } from '../export/sensitive/scan.ts'
import type { SchemaDescription } from './describe-tables.ts'
import type { LookRequests } from './look-requests.ts'

/** A file's identity, to see that two processes opened the same one. */
export interface FileIdentity {
  readonly device: string
  readonly inode: string
}

/** What SQLite says of a database inside a read transaction. */
export interface ReadFacts {
  readonly identity: FileIdentity
  readonly journalMode: string
  readonly sqliteVersion: string
  /** Null where the schema or the header is too damaged for SQLite to say. */
  readonly pageCount: number | null
  readonly userVersion: number
  readonly encoding: string
  /** The WAL index's header as of the transaction; null when there is none (rollback mode). */
  readonly walIndex: Uint8Array | null
}

/** The same of the open target. */
export interface TargetReadFacts extends ReadFacts {
  /** The commit counter as of the transaction, in whichever place commits advance it. */
  readonly commitCounter: number
}

export interface TableRows {
  readonly name: string
  /** Null when the table was not counted. */
  readonly rows: number | null
}

export interface Description {
  readonly pageSize: number
  readonly pageCount: number
  readonly freePages: number
  readonly tables: readonly TableRows[]
}

export interface CheckOutcome {
  /** What SQLite found wrong; empty for an intact image. */
  readonly problems: readonly string[]
  /** Tables that need a function or collation which only their application has, and why. */
  readonly unchecked: readonly string[]
  /** Rows of each table; null when problems were found or nobody asked. */
  readonly tables: Record<string, number> | null
}

export interface TargetFacts {
  readonly journalMode: string
  readonly pageSize: number
  readonly sqliteVersion: string
}

export interface ApplyOutcome {
  /**
   * The commit counter that the restore's own commit left behind. Another value later means that
   * somebody else committed after it. Null when it could not be read.
   */
  readonly commitCounter: number | null
  /** Whether it is the WAL index's counter, or the one in the file's header. */
  readonly isCounterInWalIndex: boolean
}

/** How rows are encoded. */
export type RowFormat =
  | { readonly kind: 'json'; readonly isPretty: boolean }
  | { readonly kind: 'ndjson' | 'sql' | 'parquet' }
  | { readonly kind: 'csv'; readonly dialect: CsvDialect }

/** Rowids, both included. */
export interface RowRange {
  readonly first: bigint
  readonly last: bigint
}

export interface RowsWritten {
  readonly rows: number
  readonly bytes: number
  /** What could not be read, where as much as possible was to be. */
  readonly lost?: readonly LostRows[]
}

/** A place in a file that is there. */
export interface FilePlace {
  readonly path: string
  readonly position: number
  /** What stands before the rows, where there are any. */
  readonly before: string
}

/** Ranges of rowids, one behind another. */
export interface RangesFound {
  readonly ranges: readonly RowRange[]
  /** Where the next one begins; null behind the last one. */
  readonly next: bigint | null
}

/** What an export reads; nothing when a live database is in a mode in which a reader keeps writers waiting. */
export type ExportOpened =
  | { readonly isOpen: false }
  | ({
      readonly isOpen: true
      /** The WAL index's header as of the transaction: equal ones mean that two processes see the same commit. */
      readonly walIndex: Uint8Array | null
      /** What of a damaged schema could not be read, where as much as possible was to be. */
      readonly lost?: readonly LostRows[]
    } & SchemaDescription)

/** What an export reads, and how it is opened. */
export interface ExportPlace {
  readonly path: string
  /** `live` in WAL mode only, `immutable` if nobody writes it; `copy`: a copy of ours, with its own side files. */
  readonly way: 'live' | 'immutable' | 'copy'
  readonly waitMs: number
  /** Whether what is damaged is passed over. */
  readonly isSalvaging: boolean
}

/** SQL of a caller's, about the rows of a table. */
export interface TableCondition {
  readonly table: string
  readonly where: string
}

interface NamedColumn {
  readonly table: string
  readonly column: string
}

export interface RedactionOrder {
  /** The tables that are exported, by name, and the objects. */
  readonly tables: readonly string[]
  readonly objects: readonly SchemaObject[]
  readonly explicit: readonly RedactedColumn[]
  /** Whether what is found is left as it is. */
  readonly includeSensitive: boolean
  /** Columns that are not sensitive, whatever they look like. */
  readonly notSensitive: readonly NamedColumn[]
  /** Words beside ours that make a name sensitive. */
  readonly words: readonly string[]
  /** Of hashes and made-up values. */
  readonly key: Uint8Array
}

export interface RedactionAnswer {
  /** The redacted columns, each with the SQL of its values; null when it is not in the export. */
  readonly columns: readonly (NamedColumn & { readonly sql: string | null })[]
  readonly objects: readonly SchemaObject[]
  readonly leftOut: readonly LeftOut[]
  readonly redacted: readonly RedactedColumn[]
}

/** Requests by name: what is given and what is answered. */
export interface SqliteRequests extends LookRequests {
  /** Opens the database read-only and starts a read transaction. */
  beginRead: { request: { path: string; waitMs: number }; answer: ReadFacts }
  /** Ends the transaction and closes the database, leaving no side file that was not there before. */
  endRead: { request: Record<never, never>; answer: null }
  /** Tables of the open reader, their rows counted if the database has at most `countPagesMax` pages. */
  describe: { request: { countPagesMax: number }; answer: Description }
  /** Checks an image that nobody writes, without making side files. */
  check: { request: { path: string; level: 'quick' | 'full'; countRows: boolean }; answer: CheckOutcome }
  /** Checks the database of the open reader, as of its transaction. */
  checkRead: { request: { level: 'quick' | 'full'; countRows: boolean }; answer: CheckOutcome }
  /** Opens a copy for writing, which rolls back its hot journal, and closes it. */
  recover: { request: { path: string }; answer: null }
  /** Opens a database to restore into, and keeps it open. */
  openTarget: { request: { path: string; waitMs: number }; answer: TargetFacts }
  /** Sets the journal mode of the open target to `delete`; needs it for itself. */
  leaveWal: { request: Record<never, never>; answer: null }
  /**
   * Writes the image at `source` into the open target as one transaction; with `onto`, only if the commit counter is
   * still that once the target is locked. Answers null, and nothing is written, when it is another.
   */
  apply: { request: { source: string; onto: number | null }; answer: ApplyOutcome | null }
  /** Ends what {@link apply} is doing with `CANCELLED`, and nothing written, unless it has committed already. */
  stopApplying: { request: Record<never, never>; answer: null }
  /** Starts a read transaction on the open target. */
  beginTargetRead: { request: Record<never, never>; answer: TargetReadFacts }
  endTargetRead: { request: Record<never, never>; answer: null }
  /** Copies the open target's WAL into its main file, as far as its readers allow. */
  checkpointTarget: { request: Record<never, never>; answer: null }
  /** Makes sure that what a killed process wrote into the open target's WAL without committing it never counts. */
  forgetUncommitted: { request: Record<never, never>; answer: null }
  /** Sets the open target's journal mode if nobody else has it open; answers the mode it is in. */
  settleTarget: { request: { journalMode: 'wal' | 'delete' }; answer: { journalMode: string } }
  closeTarget: { request: Record<never, never>; answer: null }
  /** Makes the new database `to` of an export. Whoever asks removes what is there after a failure. */
  importData: {
    request: { source: string; format: Exclude<ExportFormat, 'parquet'> | null; to: string }
    answer: ImportAnswer
  }
  /** Opens a database to export, in one read transaction. */
  openExport: { request: ExportPlace; answer: ExportOpened }
  closeExport: { request: Record<never, never>; answer: null }
  /** Says which columns of the open export look sensitive, and why. */
  scanExport: { request: { words: readonly string[] }; answer: readonly SensitiveFinding[] }
  /** Throws `INVALID_ARGUMENT` for what is not one condition on the rows of its table. */
  checkConditions: { request: { conditions: readonly TableCondition[] }; answer: null }
  /** Plans the redactions of the open export. Its rows are read only after that. */
  redactExport: { request: RedactionOrder; answer: RedactionAnswer }
  /** Cuts a table of the open export, from the rowid `first` on, into at most `count` ranges of similar size. */
  exportRanges: { request: { table: string; by: string; first: bigint; count: number }; answer: RangesFound }
  /**
   * Writes the encoded rows of a table, or of a range of it; `held`: keeps them until {@link placeRows}. Answers
   * null when there are more than may be held.
   */
  exportRows: {
    request: {
      table: TablePlan
      by: string | null
      format: RowFormat
      range: RowRange | null
      to: 'pipe' | 'held' | FilePlace
    }
    answer: RowsWritten | null
  }
  /** Writes what is held, and the rest of it. */
  placeRows: { request: FilePlace; answer: RowsWritten }
}

/** What became of an import: what the export says of itself, or what was wrong with it. */
export type ImportAnswer = ImportOutcome | { readonly failure: Failure }

export interface ImportOutcome {
  readonly format: Exclude<ExportFormat, 'parquet'>
  /** Null where the export does not say, as `sqlite3 .dump` does not. */
  readonly sensitive: boolean | null
  readonly redacted: readonly RedactedColumn[]
  readonly leftOut: readonly LeftOut[]
  readonly lost: readonly LostRows[]
  /** Rows of each table, as the export tells and as they came; null where it does not tell. */
  readonly tables: Record<string, number> | null
  readonly notes: readonly string[]
}

export type SqliteRequestName = keyof SqliteRequests

export interface SqliteCall {
  readonly id: number
  readonly name: SqliteRequestName
  readonly request: unknown
}

/** What SQLite, or the file system, said no with. */
export interface SqliteFault {
  readonly message: string
  /** SQLite's extended result code; null for an error of another kind. */
  readonly resultCode: number | null
  /** Which file it was about, when it is not the database that was asked for. */
  readonly path?: string
  /** What the operating system said, when it was a call of our own that failed. */
  readonly system?: SystemFault
  /** It was foreseen, and says itself what it is. */
  readonly failure?: Failure
}

export interface SystemFault {
  readonly code: string
  readonly errno: number | undefined
  readonly syscall: string | undefined
}

export type SqliteReply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly fault: SqliteFault }
  | { readonly id: number; readonly progress: { readonly doneBytes: number; readonly totalBytes: number } }
