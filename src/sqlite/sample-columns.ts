/** A sample of a table's values, cheap however large the table is. */
import type { DatabaseSync } from 'node:sqlite'
import { readSalvageable } from './export-salvage.ts'
import { quoteName } from './sql.ts'

/** Values a column; the first and the last rows, and some around points between them. */
const VALUES_MAX = 500
const EDGE_ROWS = 100
const POINTS = 30
const ROWS_A_POINT = 10
/** What judging a text needs of it. */
const CUT_BYTES = 16_384
/** `substr()` loads the whole value; beyond this it is not looked at. */
const VALUE_BYTES_MAX = 16 << 20
/** Columns that are nearly always NULL are searched so many rows far for values. */
const SPARSE_ROWS_MAX = 20_000
const SPARSE_VALUES_MIN = 20
/** Of a statement that makes no sense, such as one that calls an unknown function. */
const SQLITE_ERROR = 1

/**
 * Up to 500 non-null values of each column in the order of `columns`; integers as bigint, text and blobs cut
 * to 16 KiB. Reads single rows by their rowids, never the whole table. A column that cannot be read (an
 * unknown function in a generated one, damage) has no values.
 */
export function sampleColumns(
  connection: DatabaseSync,
  table: string,
  columns: readonly string[],
): unknown[][] {
  try {
    return sample(connection, table, columns)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    if (isDamage(error)) return sampleReadable(connection, table, columns)
    if (columns.length <= 1) return columns.map(() => [])
    return columns.map(column => sampleColumns(connection, table, [column])[0] ?? [])
  }
}

function sample(connection: DatabaseSync, table: string, columns: readonly string[]): unknown[][] {
  if (columns.length === 0) return []
  // An index on a column would give its values in their order: all NULLs first.
  const from = `${quoteName(table)} NOT INDEXED`
  const source = { connection, from, list: columns.map(cutColumn).join(', ') }
  const rowid = rowidName(connection, table)
  const rows = rowid === null ? readEdges(source) : readSpread(source, rowid)
  return columns.map((column, index) => {
    const values: unknown[] = rows
      .map(row => row[index])
      .filter((value): value is NonNullable<unknown> => value !== null && value !== undefined)
    if (values.length < SPARSE_VALUES_MIN && rows.length >= EDGE_ROWS)
      values.push(...readSparse(source, column))
    return values.slice(0, VALUES_MAX)
  })
}

function isDamage(error: Error): boolean {
  return 'errcode' in error && Number(error.errcode) !== SQLITE_ERROR
}

/**
 * Of a damaged table a secret in the rows that can still be read must be found like any other: all of them are
 * read, and some are kept, ever further apart.
 */
function sampleReadable(connection: DatabaseSync, table: string, columns: readonly string[]): unknown[][] {
  const order = {
    connection,
    table,
    by: rowidName(connection, table),
    values: columns.map(cutColumn),
    where: null,
  }
  const samples: unknown[][] = columns.map(() => [])
  let rows: (readonly unknown[])[] = []
  let stride = 1
  let count = 0
  for (const row of readSalvageable(order, () => {})) {
    if (count++ % stride !== 0) continue
    rows.push(row)
    if (rows.length <= VALUES_MAX) continue
    rows = rows.filter((_, index) => index % 2 === 0)
    stride *= 2
  }
  for (const row of rows)
    for (const [index, sampled] of samples.entries())
      if (row[index] !== null && row[index] !== undefined) sampled.push(row[index])
  return samples
}

interface Source {
  readonly connection: DatabaseSync
  readonly from: string
  readonly list: string
}

function cutColumn(column: string): string {
  const name = quoteName(column)
  return `CASE WHEN typeof(${name}) NOT IN ('text', 'blob') THEN ${name} WHEN octet_length(${name}) <= ${VALUE_BYTES_MAX} THEN substr(${name}, 1, ${CUT_BYTES}) END`
}

/** A name by which SQL knows the rowid; null without one. */
function rowidName(connection: DatabaseSync, table: string): string | null {
  const taken = new Set(
    connection
      .prepare(`PRAGMA table_xinfo(${quoteName(table)})`)
      .all()
      .map(row => String(row['name']).toLowerCase()),
  )
  const name = ['rowid', '_rowid_', 'oid'].find(candidate => !taken.has(candidate))
  if (name === undefined) return null
  try {
    connection.prepare(`SELECT ${name} FROM ${quoteName(table)} LIMIT 1`)
    return name
  } catch {
    return null
  }
}

function readEdges({ connection, from, list }: Source): unknown[][] {
  return read(connection, `SELECT ${list} FROM ${from} LIMIT ${VALUES_MAX}`)
}

function readSpread({ connection, from, list }: Source, rowid: string): unknown[][] {
  const select = `SELECT ${list} FROM ${from}`
  const first = read(connection, `${select} ORDER BY ${rowid} LIMIT ${EDGE_ROWS}`)
  if (first.length < EDGE_ROWS) return first
  const last = read(connection, `${select} ORDER BY ${rowid} DESC LIMIT ${EDGE_ROWS}`)
  // Two statements, because only min() or max() alone is found through the tree.
  const low = edge(connection, `SELECT min(${rowid}) FROM ${from}`)
  const high = edge(connection, `SELECT max(${rowid}) FROM ${from}`)
  const between = connection.prepare(`${select} WHERE ${rowid} >= ? ORDER BY ${rowid} LIMIT ${ROWS_A_POINT}`)
  between.setReadBigInts(true)
  between.setReturnArrays(true)
  const points = Array.from(
    { length: POINTS },
    (_, index) => low + ((high - low) * BigInt(index + 1)) / BigInt(POINTS + 1),
  )
  return [...first, ...points.flatMap(point => between.all(point) as unknown as unknown[][]), ...last]
}

function readSparse({ connection, from }: Source, column: string): unknown[] {
  const name = quoteName(column)
  const sql = `SELECT ${cutColumn(column)} FROM (SELECT ${name} FROM ${from} LIMIT ${SPARSE_ROWS_MAX}) WHERE ${name} IS NOT NULL LIMIT ${EDGE_ROWS}`
  return read(connection, sql).map(row => row[0])
}

function edge(connection: DatabaseSync, sql: string): bigint {
  const value = read(connection, sql)[0]?.[0]
  return typeof value === 'bigint' ? value : 0n
}

function read(connection: DatabaseSync, sql: string): unknown[][] {
  const statement = connection.prepare(sql)
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  return statement.all() as unknown as unknown[][]
}
