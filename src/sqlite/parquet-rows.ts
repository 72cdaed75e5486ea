/** One table as a Parquet file, in two passes: the first finds the one type that each column needs, the second writes. */
import { isUtf8 } from 'node:buffer'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { TablePlan } from '../export/model.ts'
import {
  type ColumnFacts,
  decideKind,
  type ParquetKind,
  type StorageClass,
} from '../export/parquet/column-type.ts'
import { mixedValue, type StoredValue } from '../export/parquet/mixed-value.ts'
import { ParquetFile, type ParquetValue } from '../export/parquet/parquet-file.ts'
import { collectGarbage } from './collect-garbage.ts'
import { malformed, OUT_OF_ORDER, TOO_MANY_ROWS } from './export-row-bytes.ts'
import { quoteName, single } from './sql.ts'

/** SQLITE_MAX_COLUMN: what one SELECT can return. A table can have as many, and its rowid beside them. */
const RESULTS_MAX = 2_000
/** Beside them their rows are counted. */
const SUMMARIES_MAX = RESULTS_MAX - 1
/**
 * After so many groups the buffers that they went through are dropped. Blobs of 50 kB took 172 MB of memory without it;
 * doing it after every group costs 40 % more processor time.
 */
const GROUPS_OF_GARBAGE = 2
const REPLACEMENT = '\uFFFD'

interface Source {
  readonly connection: DatabaseSync
  /** FROM and WHERE. */
  readonly from: string
  /** SQL of the rowid, in whose order the rows come; null when there is none to be had. */
  readonly by: string | null
  readonly encoding: string
  /** More than these cannot be in the database: whoever meets them goes round in circles. */
  readonly rowsMax: number
}

interface SourceColumn {
  readonly name: string
  readonly sql: string
}

export interface ParquetOrder {
  readonly connection: DatabaseSync
  readonly table: TablePlan
  /** The name of the rowid; null when there is none to be had. */
  readonly by: string | null
  /** Of the whole database, which has no more rows than bytes. */
  readonly databaseBytes: number
  /** What it is given is valid only until it returns. */
  readonly write: (bytes: Uint8Array) => void
}

/**
 * Writes the rows of `table` as a whole Parquet file, to `write`.
 * The connection must be in a read transaction, so that both passes see the same rows. Each column's type is
 * {@link decideKind}'s; in a column of both INTEGER and REAL that doubles can hold, integers become doubles.
 *
 * @returns how many rows and bytes there were.
 */
export function writeParquet(order: ParquetOrder): { rows: number; bytes: number } {
  const { table } = order
  const source = sourceOf(order)
  const columns =
    table.rowid === null ? table.columns : [rowidColumn(table, quoteName(table.rowid)), ...table.columns]
  const kinds = decideKinds(source, columns)
  const expressions = columns.map(({ sql }, i) => expressionOf(sql, kinds[i] as ParquetKind))
  const file = new ParquetFile(
    columns.map(({ name }, i) => ({ name, kind: kinds[i] as ParquetKind })),
    order.write,
  )
  let groupsEnd = 0
  let groups = 0
  for (const row of inOrder(source, expressions)) {
    file.add(row.map((value, i) => valueOf(value, kinds[i] as ParquetKind, source.encoding)))
    if (file.bytes === groupsEnd) continue
    groupsEnd = file.bytes
    groups++
    if (groups % GROUPS_OF_GARBAGE > 0) continue
    collectGarbage()
  }
  file.finish()
  return { rows: file.rows, bytes: file.bytes }
}

/** The rows of the table, each behind the one before: pages that lead in circles would give them again. */
function* inOrder(source: Source, expressions: readonly string[]): Generator<SQLOutputValue[]> {
  if (source.by === null) return yield* readRows(source, expressions)
  let before: bigint | null = null
  for (const row of readRows(source, [...expressions, source.by])) {
    const rowid = row.pop() as bigint
    if (before !== null && rowid <= before) throw malformed(OUT_OF_ORDER)
    before = rowid
    yield row
  }
}

function sourceOf({ connection, table, by, databaseBytes }: ParquetOrder): Source {
  // Rows of an index would come in its order.
  const indexes = by === null ? '' : ' NOT INDEXED'
  // The line break ends a comment that the condition may end in.
  const where = table.where === null ? '' : ` WHERE (${table.where}\n)`
  return {
    connection,
    from: `FROM ${quoteName(table.name)}${indexes}${where}`,
    by,
    encoding: String(single(connection, 'PRAGMA encoding')),
    rowsMax: databaseBytes,
  }
}

function rowidColumn(plan: TablePlan, sql: string): SourceColumn {
  return { name: String(plan.rowid), sql }
}

function decideKinds(source: Source, columns: readonly SourceColumn[]): ParquetKind[] {
  const classes = findClasses(source, columns)
  const only = (wanted: string): SourceColumn[] =>
    columns.filter((_column, i) => classes[i]?.toSorted().join() === wanted)
  const inexact = findInexact(source, only('integer,real'))
  const invalid = findInvalid(source, only('text'))
  return columns.map((column, i) => {
    const facts: ColumnFacts = {
      classes: classes[i] as StorageClass[],
      areIntegersExact: !inexact.has(column),
      isTextValid: !invalid.has(column),
    }
    return decideKind(facts)
  })
}

/** The storage classes in each column. DISTINCT evaluates a column once, and was five times as fast as four max(). */
function findClasses(source: Source, columns: readonly SourceColumn[]): StorageClass[][] {
  const row = summarize(
    source,
    columns.map(({ sql }) => `typeof(${sql})`),
    value => `group_concat(DISTINCT ${value})`,
  )
  return columns.map((_column, i) => {
    const found = typeof row[i] === 'string' ? row[i].split(',') : []
    return found.filter((name): name is StorageClass => name !== 'null')
  })
}

/** What `summary` makes of the values of each of `expressions`, over all rows. */
function summarize(
  source: Source,
  expressions: readonly string[],
  summary: (value: string) => string,
): SQLOutputValue[] {
  const found: SQLOutputValue[] = []
  for (let start = 0; start < expressions.length; start += SUMMARIES_MAX) {
    const part = expressions.slice(start, start + SUMMARIES_MAX)
    const values = part.map((sql, i) => `${sql} AS v${i}`).join(', ')
    const rows = `SELECT ${values} ${source.from} LIMIT ${source.rowsMax + 1}`
    const summaries = part.map((_sql, i) => summary(`v${i}`)).join(', ')
    const [row = []] = select(source, `SELECT ${summaries}, count(*) FROM (${rows})`)
    requireFew(Number(row.pop()), source)
    found.push(...row)
  }
  return found
}

function requireFew(rows: number, { rowsMax }: Source): void {
  if (rows > rowsMax) throw malformed(TOO_MANY_ROWS)
}

/** Those of `columns` that hold an integer which no double equals. */
function findInexact(source: Source, columns: readonly SourceColumn[]): Set<SourceColumn> {
  const row = summarize(
    source,
    columns.map(({ sql }) => `typeof(${sql}) = 'integer' AND CAST(${sql} AS REAL) <> ${sql}`),
    value => `max(${value})`,
  )
  return new Set(columns.filter((_column, i) => row[i] === 1n))
}

/**
 * Those of `columns` that hold text which is not valid in the database's encoding. In UTF-8, text is read as strings,
 * which is faster; only where those have a character that may stand for a bad byte, the bytes are looked at.
 */
function findInvalid(source: Source, columns: readonly SourceColumn[]): Set<SourceColumn> {
  const suspects =
    source.encoding === 'UTF-8' ? findColumns(source, columns, ({ sql }) => sql, isSuspect) : new Set(columns)
  return findColumns(
    source,
    columns.filter(column => suspects.has(column)),
    ({ sql }) => `CAST(${sql} AS BLOB)`,
    value => value instanceof Uint8Array && decodeText(value, source.encoding) === null,
  )
}

function isSuspect(value: SQLOutputValue): boolean {
  return typeof value === 'string' && value.includes(REPLACEMENT)
}

/** Those of `columns` in which `matches` holds for some value of `expression`. */
function findColumns(
  source: Source,
  columns: readonly SourceColumn[],
  expression: (column: SourceColumn) => string,
  matches: (value: SQLOutputValue) => boolean,
): Set<SourceColumn> {
  const found = new Set<SourceColumn>()
  if (columns.length === 0) return found
  for (const row of readRows(source, columns.map(expression))) {
    for (let i = 0; i < row.length; i++) {
      const column = columns[i] as SourceColumn
      if (!found.has(column) && matches(row[i] as SQLOutputValue)) found.add(column)
    }
    if (found.size === columns.length) return found
  }
  return found
}

function expressionOf(sql: string, kind: ParquetKind): string {
  if (kind === 'real') return `CAST(${sql} AS REAL)`
  if (kind === 'bytes') return `CAST(${sql} AS BLOB)`
  // Text as the hexadecimal digits of its bytes: a string would lose bytes that are not valid.
  if (kind === 'mixed')
    return `CASE typeof(${sql}) WHEN 'text' THEN hex(CAST(${sql} AS BLOB)) ELSE ${sql} END`
  return sql
}

function valueOf(value: SQLOutputValue, kind: ParquetKind, encoding: string): ParquetValue {
  if (value === null || kind !== 'mixed') return value
  return mixedValue(typeof value === 'string' ? textOfHex(value, encoding) : value)
}

function textOfHex(hex: string, encoding: string): StoredValue {
  const bytes = Buffer.from(hex, 'hex')
  return decodeText(bytes, encoding) ?? { invalidText: bytes }
}

/** Null when the bytes are not valid in `encoding`, one of SQLite's three. */
function decodeText(bytes: Uint8Array, encoding: string): string | null {
  if (encoding === 'UTF-8') return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : null
  if (bytes.length % 2 !== 0) return null
  const units = Buffer.from(bytes)
  const text = (encoding === 'UTF-16be' ? units.swap16() : units).toString('utf16le')
  return text.isWellFormed() ? text : null
}

/**
 * The rows of the table as the values of `expressions`. More of them than a SELECT can return are read by several, in
 * step; then they have a rowid, since a table has no more columns than that, and it gives them the same order.
 */
function* readRows(source: Source, expressions: readonly string[]): Generator<SQLOutputValue[]> {
  const parts: string[][] = []
  for (let start = 0; start < expressions.length; start += RESULTS_MAX)
    parts.push(expressions.slice(start, start + RESULTS_MAX))
  const order = source.by === null ? '' : ` ORDER BY ${source.by}`
  const [first, ...others] = parts.map(part =>
    select(source, `SELECT ${part.join(', ')} ${source.from}${order}`),
  )
  if (first === undefined) return
  let rows = 0
  for (const row of first) {
    requireFew(++rows, source)
    if (others.length > 0) row.push(...others.flatMap(other => other.next().value ?? []))
    yield row
  }
}

function select(source: Source, sql: string): IterableIterator<SQLOutputValue[], undefined> {
  const statement = source.connection.prepare(sql)
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  // The types do not know what setReturnArrays does.
  return statement.iterate() as unknown as IterableIterator<SQLOutputValue[], undefined>
}
