/** How many rows of one table differ between two databases. Which ones: see compare-cells.ts. */
import type { DatabaseSync } from 'node:sqlite'
import { foldName } from '../export/redact/parse-redaction.ts'
import { collationSql, type Matching, type Side, type SideTable, tableOn } from './compare-schema.ts'
import { quoteName, single } from './sql.ts'

export interface TablePair {
  readonly from: SideTable
  readonly to: SideTable
  readonly matching: Matching
}

export interface RowCounts {
  readonly added: number
  readonly removed: number
  readonly changed: number
  readonly unchanged: number
}

/** Columns that both have, by their names on either side. */
export function commonColumns({ from, to }: Pick<TablePair, 'from' | 'to'>): { from: string; to: string }[] {
  const after = new Map(to.stored.map(name => [foldName(name), name]))
  return from.stored.flatMap(name => {
    const other = after.get(foldName(name))
    return other === undefined ? [] : [{ from: name, to: other }]
  })
}

export function countDifferences(connection: DatabaseSync, pair: TablePair): RowCounts {
  if (pair.matching.keys.length === 0) return countWholeRows(connection, pair)
  const { from, to } = pair
  // One pass over two trees that are both in the order of the key; what has no match follows from the numbers.
  // The limit keeps it a query of its own: an aggregate may have no more terms than a table has columns.
  const [matched = 0, changed = 0] = numbers(
    connection,
    `SELECT count(*), count(differs) FROM (SELECT iif(${sameRow(pair)}, NULL, 1) AS differs FROM ${joined(pair)} LIMIT -1)`,
  )
  const [before = 0] = numbers(connection, `SELECT count(*) FROM ${tableOn('from', from.name)}`)
  const [after = 0] = numbers(connection, `SELECT count(*) FROM ${tableOn('to', to.name)}`)
  // Keys that are not unique after all are those of a damaged index.
  if (matched > Math.min(before, after)) throw malformed(from.name)
  return { added: after - matched, removed: before - matched, changed, unchanged: matched - changed }
}

/** The two tables next to each other, as `a` and `b`. */
export function joined(pair: TablePair): string {
  const { from, to } = pair
  return `${tableOn('from', from.name)} AS a JOIN ${tableOn('to', to.name)} AS b ON ${sameKey(pair)}`
}

export function sameKey({ matching }: TablePair): string {
  return matching.keys
    .map(({ from, to, collation }) => `a.${quoteName(from)} = b.${quoteName(to)}${collationSql(collation)}`)
    .join(' AND ')
}

/** Whether all columns that both have are the same in value and storage class. Never NULL. */
export function sameRow(pair: TablePair): string {
  return allOf(commonColumns(pair).map(column => sameValue(column)))
}

export function sameValue({ from, to }: { readonly from: string; readonly to: string }): string {
  const [a, b] = [`a.${quoteName(from)}`, `b.${quoteName(to)}`]
  // Unary plus takes the affinity away, which would make a text of digits equal to a number.
  return `(+${a} IS +${b} COLLATE BINARY AND typeof(${a}) = typeof(${b}))`
}

/** SQLite bounds how deep an expression may be, and a chain of ANDs is as deep as it is long. */
function allOf(conditions: readonly string[]): string {
  if (conditions.length === 0) return '1'
  if (conditions.length === 1) return conditions[0] as string
  const half = conditions.length >> 1
  return `(${allOf(conditions.slice(0, half))} AND ${allOf(conditions.slice(half))})`
}

/** Equal rows are counted on both sides; of none is more on one side than on the other unless it differs. */
function countWholeRows(connection: DatabaseSync, pair: TablePair): RowCounts {
  const [added = 0, removed = 0] = numbers(
    connection,
    `SELECT total(max(n, 0)), total(max(-n, 0)) FROM (${groupedRows(pair, 'sum(n) AS n')})`,
  )
  const [after = 0] = numbers(connection, `SELECT count(*) FROM ${tableOn('to', pair.to.name)}`)
  return { added, removed, changed: 0, unchanged: after - added }
}

/** One row for all that are equal; `n`: how many more of them `to` has than `from`. */
export function groupedRows(pair: TablePair, select: string): string {
  const columns = commonColumns(pair)
  const side = (which: Side, name: string, sign: string): string => {
    const values = columns.map((column, i) => `+${quoteName(column[which])} AS c${i}`)
    return `SELECT ${[...values, `${sign}1 AS n`].join(',')} FROM ${tableOn(which, name)}`
  }
  const keys = columns.flatMap((_, i) => [`c${i} COLLATE BINARY`, `typeof(c${i})`])
  const by = keys.length === 0 ? '' : ` GROUP BY ${keys.join(',')}`
  return `SELECT ${select} FROM (${side('from', pair.from.name, '-')} UNION ALL ${side('to', pair.to.name, '+')})${by}`
}

function numbers(connection: DatabaseSync, sql: string): number[] {
  return Object.values(connection.prepare(sql).get() ?? {}).map(Number)
}

const SQLITE_CORRUPT = 11

function malformed(table: string): Error {
  return Object.assign(
    new Error(`database disk image is malformed: the primary key of ${table} is not unique`),
    { errcode: SQLITE_CORRUPT },
  )
}

/** How many rows one side has, where the other has no such table. */
export function countSide(connection: DatabaseSync, side: Side, table: string): number {
  return Number(single(connection, `SELECT count(*) FROM ${tableOn(side, table)}`))
}
