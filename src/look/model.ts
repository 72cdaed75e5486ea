/** What is seen inside a database: its tables, their columns, and values as JSON has them. */

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
  /** Whether rows can be read from it without `includeSensitive`; not from a shadow table, which holds what its virtual table may mask, nor from a view that would show masked columns. */
  readonly readable: boolean
}
