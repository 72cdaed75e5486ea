/** What reading a damaged table is asked for, and what it says of the damage. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'

export interface SalvageOrder {
  readonly connection: DatabaseSync
  readonly table: string
  /** The name of the rowid; null where there is none, or columns take all its names. */
  readonly by: string | null
  /** SQL of the values that are wanted of each row. */
  readonly values: readonly string[]
  /** A condition on the rows; null for all. */
  readonly where: string | null
}

/** What could not be read, in words, and what SQLite said of it. */
export interface Loss {
  readonly what: string
  readonly why: string
}

export const OUT_OF_ORDER = 'its rows are out of order'
const SQLITE_INTERRUPT = 9

/** What SQLite says of the damage; throws what is no word of SQLite's on the file. */
export function damageOf(error: unknown): string {
  const isDamage = error instanceof Error && 'errcode' in error && error.errcode !== SQLITE_INTERRUPT
  if (!isDamage) throw error
  return error.message
}

/** What SQLite says of a statement, without what it quotes of it: that may be a secret. */
export function withoutQuotes(message: string): string {
  if (message.includes('syntax error')) return 'syntax error'
  return message.split(/: |"/, 1)[0]?.trim() ?? ''
}

/** Whether the row is wanted, and its values. Rows that are not are read too, so that it is known how far reading went. */
export function wantedSql({ values, where }: SalvageOrder): string {
  if (where === null) return ['1', ...values].join(',')
  const isWanted = `(${where}\n)`
  return [`${isWanted} IS TRUE`, ...values.map(sql => `CASE WHEN ${isWanted} THEN ${sql} END`)].join(',')
}

export function prepare(connection: DatabaseSync, sql: string): StatementSync {
  const statement = connection.prepare(sql)
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  return statement
}
