/** Cutting a table into ranges that processes read side by side. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { malformed, OUT_OF_ORDER } from './export-row-bytes.ts'
import type { RangesFound, RowRange } from './requests.ts'
import { quoteName } from './sql.ts'

/** Of a range: enough to be worth asking for, little enough to be held until the range before it is done. */
const RANGE_BYTES = 1 << 20
const RANGE_ROWS_MAX = 10_000
/** So many rows at the beginning of a range tell how large the others may be. */
const SAMPLE_ROWS = 64
/** SQLite refuses sums of very many terms; so many columns tell enough. */
const SAMPLE_COLUMNS_MAX = 100
const ROWID_MAX = 2n ** 63n - 1n

export interface RangesOrder {
  readonly connection: DatabaseSync
  readonly table: string
  /** Name of the rowid. */
  readonly by: string
  readonly columns: readonly string[]
  readonly first: bigint
  /** How many at most. */
  readonly count: number
}

/** Ranges of similar size, found without reading the rows themselves. Behind the last one nothing is left. */
export function rangesOf({ connection, table, by, columns, first, count }: RangesOrder): RangesFound {
  const rows = `FROM ${quoteName(table)} WHERE ${by} >= ?1 ORDER BY ${by}`
  const nextOf = prepare(connection, `SELECT ${by} ${rows} LIMIT 1 OFFSET ?2`)
  const lengths = columns
    .slice(0, SAMPLE_COLUMNS_MAX)
    .map(name => `ifnull(octet_length(${quoteName(name)}),0)`)
  const sizesOf = prepare(connection, `SELECT ${lengths.join('+') || '0'} ${rows} LIMIT ${SAMPLE_ROWS}`)
  const ranges: RowRange[] = []
  let from = first
  while (ranges.length < count) {
    const next = nextOf.get(from, rowsFitting(sizesOf, from)) as unknown as [bigint] | undefined
    ranges.push({ first: from, last: next === undefined ? ROWID_MAX : next[0] - 1n })
    if (next === undefined) return { ranges, next: null }
    if (next[0] <= from) throw malformed(OUT_OF_ORDER)
    from = next[0]
  }
  return { ranges, next: from }
}

function rowsFitting(sizesOf: StatementSync, from: bigint): number {
  const sizes = sizesOf.all(from) as unknown as [bigint][]
  const bytes = sizes.reduce((sum, [size]) => sum + Number(size), 0)
  if (bytes === 0) return RANGE_ROWS_MAX
  return Math.max(1, Math.min(RANGE_ROWS_MAX, Math.floor((RANGE_BYTES * sizes.length) / bytes)))
}

function prepare(connection: DatabaseSync, sql: string): StatementSync {
  const statement = connection.prepare(sql)
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  return statement
}
