/** How the rows of a table become bytes: what all formats but Parquet have in common. */
import type { ColumnPlan, ExportSettings, TablePlan } from '../model.ts'
import { byClass, type ByClass, concatSql, sqlText } from './expression.ts'

/**
 * Functions of ours that an encoder's SQL may call. They are registered on the connection that reads, and a
 * schema cannot call them.
 */
export const FUNCTIONS = {
  /** A blob as base64. */
  base64: 'chame_base64',
  /** The bytes of a text, valid UTF-8 or not, as the format writes them. */
  text: 'chame_text',
} as const

/** How SQLite keeps the texts of a database. */
export type DatabaseEncoding = ExportSettings['encoding']

export interface RowEncoder {
  /** SQL for the text of one row. */
  readonly row: string
  /** The same with every text through {@link FUNCTIONS.text}: slower, and right for any bytes. */
  readonly carefulRow: string
  /** What stands between two rows. What ends each row is part of it. */
  readonly separator: string
  /** The plain expression may be wrong where one of these is in its result. */
  readonly suspicious: readonly string[]
  /** How a text is written, from the bytes that SQLite has of it. */
  readonly text: (bytes: Uint8Array, encoding: DatabaseEncoding) => string
  /** What each row consists of, to encode large blobs outside of SQL; null where a row is more than its parts. */
  readonly parts: RowParts | null
}

export interface RowParts {
  readonly open: string
  readonly cells: readonly Cell[]
  /** Stands behind the last cell. */
  readonly close: string
  readonly blob: BlobForm
}

interface Cell {
  /** Stands before the value. */
  readonly before: string
  /** SQL for the text of a value that is no blob. */
  readonly value: string
  /** The same for any bytes. */
  readonly carefulValue: string
  /** SQL for the value itself. */
  readonly sql: string
}

/** How a blob is written. */
export interface BlobForm {
  readonly before: string
  readonly as: 'hex' | 'base64'
  readonly after: string
}

/** What the formats differ in. */
export interface RowForm {
  readonly open: string
  /** What stands before each value, by its place in the row. */
  readonly before: (name: string, index: number) => string
  readonly close: string
  readonly blob: BlobForm
  /** SQL for the text of a text. */
  readonly text: (sql: string) => string
  readonly others: (sql: string) => Pick<ByClass, 'integer' | 'real' | 'null'>
}

/** SQL for whole rows, and for their parts. */
export function rowExpressions(
  table: TablePlan,
  { open, before, close, blob, text, others }: RowForm,
): { readonly row: string; readonly carefulRow: string; readonly parts: RowParts } {
  const encoded = (sql: string): string => (blob.as === 'hex' ? `hex(${sql})` : `${FUNCTIONS.base64}(${sql})`)
  const blobOf = (sql: string): string => concatSql([sqlText(blob.before), encoded(sql), sqlText(blob.after)])
  const careful = (sql: string): string => `${FUNCTIONS.text}(CAST(${sql} AS BLOB))`
  const values = valuesOf(table.rowid, table.columns)
  const value = (
    { sql, likely }: ColumnPlan,
    asText: (sql: string) => string,
    asBlob: (sql: string) => string,
  ): string => byClass(sql, { ...others(sql), text: asText(sql), blob: asBlob(sql) }, likely)
  const row = (asText: (sql: string) => string): string =>
    concatSql(
      values
        .flatMap((column, i) => [
          sqlText((i === 0 ? open : '') + before(column.name, i)),
          value(column, asText, blobOf),
        ])
        .concat(sqlText(values.length === 0 ? open + close : close)),
    )
  return {
    row: row(text),
    carefulRow: row(careful),
    parts: {
      open,
      close,
      blob,
      cells: values.map((column, i) => ({
        sql: column.sql,
        before: before(column.name, i),
        value: value(column, text, () => 'NULL'),
        carefulValue: value(column, careful, () => 'NULL'),
      })),
    },
  }
}

/** The values of a row in order: its rowid, if exported, and its columns. */
export function valuesOf(rowid: string | null, columns: readonly ColumnPlan[]): ColumnPlan[] {
  return [...(rowid === null ? [] : [{ name: rowid, sql: rowid, likely: 'integer' as const }]), ...columns]
}
