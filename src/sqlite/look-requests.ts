/** What the SQLite process can be asked about the inside of a stored backup. Part of requests.ts. */
import type { ComparedObject, ComparedRows, ComparedTable } from '../look/compared.ts'
import type { Cell, LookedTable, MaskedColumn } from '../look/model.ts'
import type { ExportSettings } from '../export/model.ts'

/** What counts as sensitive beside what is found by itself. */
export interface SensitiveOrder {
  /** Words beside ours that make a name sensitive. */
  readonly words: readonly string[]
  /** Columns that are not sensitive, whatever they look like. */
  readonly notSensitive: readonly { readonly table: string; readonly column: string }[]
}

export interface LookOrder extends SensitiveOrder {
  readonly path: string
  /** Whether rows are counted; not where somebody has counted them already. */
  readonly countRows: boolean
}

export interface LookAnswer {
  readonly settings: ExportSettings
  readonly sqliteVersion: string
  readonly tables: readonly LookedTable[]
}

export interface RowsOrder extends SensitiveOrder {
  readonly path: string
  readonly table: string
  readonly limit: number
  readonly offset: number
  readonly search: string | null
  readonly orderBy: string | null
  readonly descending: boolean
  readonly includeSensitive: boolean
  readonly countRows: boolean
}

export interface RowsAnswer {
  /** As the schema spells it. */
  readonly table: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  readonly masked: readonly MaskedColumn[]
  readonly total: number | null
  readonly hasMore: boolean
}

export interface QueryOrder extends SensitiveOrder {
  readonly path: string
  readonly sql: string
  readonly limit: number
  readonly includeSensitive: boolean
}

export interface QueryAnswer {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  readonly masked: readonly MaskedColumn[]
  readonly truncated: 'rows' | 'bytes' | null
}

export interface CompareOrder extends SensitiveOrder {
  /** What it is compared from; `live`: a database in use, which has to be in WAL mode. */
  readonly from: { readonly path: string; readonly way: 'live' | 'immutable' }
  /** An image that nobody writes. */
  readonly path: string
  readonly waitMs: number
  /** One table, with its rows; null for all of them, without. */
  readonly rows: {
    readonly table: string
    readonly limit: number
    readonly offset: number
    readonly includeSensitive: boolean
  } | null
}

/** Nothing when the live database is in a mode in which a reader keeps writers waiting. */
export type CompareAnswer =
  | { readonly isOpen: false }
  | {
      readonly isOpen: true
      readonly tables: readonly ComparedTable[]
      readonly objects: readonly ComparedObject[]
      readonly rows: ComparedRows | null
    }

export interface LookRequests {
  /** What is in an image. */
  look: { request: LookOrder; answer: LookAnswer }
  /** Some rows of a table or a view in an image. Throws `INVALID_ARGUMENT` for what is not there. */
  readRows: { request: RowsOrder; answer: RowsAnswer }
  /** What a caller's own statement reads from an image. Throws `INVALID_ARGUMENT` for what SQLite, or we, refuse. */
  query: { request: QueryOrder; answer: QueryAnswer }
  /** What it takes to come from one database to another. */
  compare: { request: CompareOrder; answer: CompareAnswer }
}
