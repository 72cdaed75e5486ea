/** What differs between two databases. `from` and `to` are its sides: what it takes to come from one to the other. */
import type { Cell, MaskedColumn } from './model.ts'

/** How rows of both sides were told to be the same one. `whole row`: by all of their values, so that none is ever `changed`. */
export type RowMatching = 'primary key' | 'rowid' | 'whole row'

export interface ComparedTable {
  readonly name: string
  /** `added`: only in `to`; `removed`: only in `from`; `compared`: in both; `not-compared`: SQLite cannot read it here, as `why` says. */
  readonly status: 'added' | 'removed' | 'compared' | 'not-compared'
  /** Why it was not compared; null when it was. */
  readonly why: string | null
  /** Null where nothing was matched. */
  readonly matchedBy: RowMatching | null
  /** Rows that only `to` has. */
  readonly added: number
  /** Rows that only `from` has. */
  readonly removed: number
  /** Rows in both of which some column, of those that both have, differs in value or storage class. */
  readonly changed: number
  readonly unchanged: number
  /** What is different about its columns, by name; `changed`: declared otherwise. */
  readonly columns: {
    readonly added: readonly string[]
    readonly removed: readonly string[]
    readonly changed: readonly string[]
  }
}

/** What is only on one side, or made by another statement there; of tables with rows only the latter. */
export interface ComparedObject {
  /** `table`: one of both sides, with the same columns and other constraints, defaults or the like. */
  readonly type: 'table' | 'index' | 'trigger' | 'view' | 'virtual table'
  readonly name: string
  readonly change: 'added' | 'removed' | 'changed'
}

export interface ComparedRow {
  readonly change: 'added' | 'removed' | 'changed'
  /** In `from`, in the order of `columns`; null for an added row. A column that a side does not have is null there. */
  readonly before: readonly Cell[] | null
  /** In `to`; null for a removed row. */
  readonly after: readonly Cell[] | null
  /** Names of the columns that differ; empty for rows that only one side has. */
  readonly changedColumns: readonly string[]
}

/** The differing rows of one table. */
export interface ComparedRows {
  readonly table: string
  /** Those of `to`, then those that only `from` has; generated ones are left out. */
  readonly columns: readonly string[]
  /** Removed ones first, then changed ones, then added ones, each in the order of their keys. */
  readonly rows: readonly ComparedRow[]
  readonly masked: readonly MaskedColumn[]
  readonly hasMore: boolean
}
