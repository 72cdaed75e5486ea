/** Which rows of one table differ between two databases, down to their cells. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { foldName } from '../export/redact/parse-redaction.ts'
import type { ComparedRow, ComparedTable } from '../look/compared.ts'
import type { Cell } from '../look/model.ts'
import {
  commonColumns,
  groupedRows,
  joined,
  type RowCounts,
  sameKey,
  sameRow,
  sameValue,
  type TablePair,
} from './compare-rows.ts'
import { type Side, type SideTable, tableOn } from './compare-schema.ts'
import { cellSql, maskedSql, TakenRows } from './look-cells.ts'
import { quoteName } from './sql.ts'

/** A column of what is shown, with its name on each side; null where a side does not have it. */
export interface ShownColumn {
  readonly name: string
  readonly from: string | null
  readonly to: string | null
  readonly isMasked: boolean
}

/** Those of `to`, then those that only `from` has. */
export function shownColumns(
  { from, to }: { readonly from: SideTable | undefined; readonly to: SideTable | undefined },
  isMasked: (column: string) => boolean,
): ShownColumn[] {
  const [one, other] = [from?.stored ?? [], to?.stored ?? []]
  const before = new Map(one.map(name => [foldName(name), name]))
  const after = new Set(other.map(foldName))
  return [
    ...other.map(name => ({ name, to: name, from: before.get(foldName(name)) ?? null })),
    ...one.filter(name => !after.has(foldName(name))).map(name => ({ name, from: name, to: null })),
  ].map(column => ({ ...column, isMasked: isMasked(column.name) }))
}

interface RowsWanted {
  readonly limit: number
  readonly offset: number
}

/** Removed rows, then changed ones, then added ones, each in the order of their keys. */
export function readDifferences(
  connection: DatabaseSync,
  pair: TablePair,
  columns: readonly ShownColumn[],
  { counts, wanted: { limit, offset } }: { readonly counts: RowCounts; readonly wanted: RowsWanted },
): TakenRows<ComparedRow> {
  const taken = new TakenRows<ComparedRow>(limit)
  if (pair.matching.keys.length === 0) {
    readWholeRows(connection, pair, columns, offset, taken)
    return taken
  }
  let skip = offset
  for (const change of ['removed', 'changed', 'added'] as const) {
    // Rows that are passed over are not made into cells.
    const here = Math.min(skip, counts[change])
    skip -= here
    if (here === counts[change]) continue
    const sql = `${keyedSql(change, pair, columns)} LIMIT ?1 OFFSET ?2`
    const wanted = limit + 1 - taken.rows.length
    for (const [before = null, after = null, differs = null] of rowsOf(connection, sql, [wanted, here]))
      if (!taken.add(rowOf(change, [before, after, differs], columns))) return taken
  }
  return taken
}

/** Rows of a table that only one side has; none of one that cannot be compared. */
export function readOneSide(
  connection: DatabaseSync,
  { name, status }: ComparedTable,
  columns: readonly ShownColumn[],
  { limit, offset }: RowsWanted,
): TakenRows<ComparedRow> {
  const taken = new TakenRows<ComparedRow>(limit)
  if ((status !== 'added' && status !== 'removed') || columns.length === 0) return taken
  const side = status === 'added' ? 'to' : 'from'
  const cells = cellsSql(columns, column => quoteName(column.name))
  const sql = `SELECT ${cells} FROM ${tableOn(side, name)} LIMIT ?1 OFFSET ?2`
  for (const [json = null] of rowsOf(connection, sql, [limit + 1, offset])) {
    const values: RowValues = side === 'to' ? [null, json, null] : [json, null, null]
    if (!taken.add(rowOf(status, values, columns))) break
  }
  return taken
}

function rowsOf(
  connection: DatabaseSync,
  sql: string,
  parameters: readonly SQLInputValue[],
): Iterable<SQLOutputValue[]> {
  const statement = connection.prepare(sql)
  statement.setReturnArrays(true)
  return statement.iterate(...parameters) as Iterable<unknown> as Iterable<SQLOutputValue[]>
}

type RowValues = readonly [before: SQLOutputValue, after: SQLOutputValue, differs: SQLOutputValue]

function rowOf(
  change: ComparedRow['change'],
  [before, after, differs]: RowValues,
  columns: readonly ShownColumn[],
): ComparedRow {
  const flags = typeof differs === 'string' ? differs : ''
  return {
    change,
    before: parseCells(before),
    after: parseCells(after),
    changedColumns: columns.filter((_, i) => flags[i] === '1').map(({ name }) => name),
  }
}

function parseCells(json: SQLOutputValue): readonly Cell[] | null {
  return typeof json === 'string' ? (JSON.parse(json) as Cell[]) : null
}

/** A statement that gives the cells of both sides, and a sign for each column that differs. */
function keyedSql(change: ComparedRow['change'], pair: TablePair, columns: readonly ShownColumn[]): string {
  const keys = (alias: string, side: Side): string =>
    pair.matching.keys.map(key => `${alias}.${quoteName(key[side])}`).join(',')
  const a = cellsSql(columns, column => (column.from === null ? null : `a.${quoteName(column.from)}`))
  const b = cellsSql(columns, column => (column.to === null ? null : `b.${quoteName(column.to)}`))
  const [from, to] = [tableOn('from', pair.from.name), tableOn('to', pair.to.name)]
  if (change === 'removed')
    return `SELECT ${a},NULL,NULL FROM ${from} AS a WHERE NOT EXISTS (SELECT 1 FROM ${to} AS b WHERE ${sameKey(pair)}) ORDER BY ${keys('a', 'from')}`
  if (change === 'added')
    return `SELECT NULL,${b},NULL FROM ${to} AS b WHERE NOT EXISTS (SELECT 1 FROM ${from} AS a WHERE ${sameKey(pair)}) ORDER BY ${keys('b', 'to')}`
  const differs = joinedText(
    columns.map(({ from: one, to: other }) =>
      one === null || other === null ? `'0'` : `iif(${sameValue({ from: one, to: other })},'0','1')`,
    ),
  )
  return `SELECT ${a},${b},${differs} FROM ${joined(pair)} WHERE NOT (${sameRow(pair)}) ORDER BY ${keys('a', 'from')}`
}

/** All cells of a side as one JSON array: SQLite bounds how many values a statement has, and there are two sides. */
function cellsSql(columns: readonly ShownColumn[], sqlOf: (column: ShownColumn) => string | null): string {
  const cells = columns.flatMap((column, i) => {
    const sql = sqlOf(column)
    const cell = sql === null ? `'null'` : (column.isMasked ? maskedSql : cellSql)(sql)
    return i === 0 ? [cell] : [`','`, cell]
  })
  return joinedText([`'['`, ...cells, `']'`])
}

/** SQLite bounds how deep an expression may be, and a chain is as deep as it is long. */
function joinedText(texts: readonly string[]): string {
  if (texts.length === 0) return `''`
  if (texts.length === 1) return texts[0] as string
  const half = texts.length >> 1
  return `(${joinedText(texts.slice(0, half))}||${joinedText(texts.slice(half))})`
}

/** Of whole rows those that are there several times come as often. */
function readWholeRows(
  connection: DatabaseSync,
  pair: TablePair,
  columns: readonly ShownColumn[],
  offset: number,
  taken: TakenRows<ComparedRow>,
): void {
  const places = new Map(commonColumns(pair).map(({ to }, i) => [to, `c${i}`]))
  const cells = cellsSql(columns, ({ to }) => (to === null ? null : (places.get(to) ?? null)))
  let skipped = 0
  for (const change of ['removed', 'added'] as const) {
    const sql = `${groupedRows(pair, `${cells},abs(sum(n))`)} HAVING sum(n) ${change === 'added' ? '>' : '<'} 0`
    for (const [json = null, times = 0] of rowsOf(connection, sql, [])) {
      const values: RowValues = change === 'added' ? [null, json, null] : [json, null, null]
      for (let i = 0; i < Number(times); i++) {
        if (skipped < offset) skipped++
        else if (!taken.add(rowOf(change, values, columns))) return
      }
    }
  }
}
