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
import { quoteName, single } from './sql.ts'

/** SQLITE_MAX_COLUMN: what one SELECT can return. A table can have as many, and its rowid beside them. */
const RESULTS_MAX = 2_000
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
  /** SQL of the rowid; null when there is none to be had. */
  readonly rowid: string | null
  readonly encoding: string
}

interface SourceColumn {
  readonly name: string
  readonly sql: string
}

/**
 * Writes the rows of `plan` as a whole Parquet file, to `write`; what that is given is valid only until it returns.
 * The connection must be in a read transaction, so that both passes see the same rows. Each column's type is
 * {@link decideKind}'s; in a column of both INTEGER and REAL that doubles can hold, integers become doubles.
 *
 * @returns how many rows and bytes there were.
 */
export function writeParquet(
  connection: DatabaseSync,
  plan: TablePlan,
  write: (bytes: Uint8Array) => void,
): { rows: number; bytes: number } {
  const source = sourceOf(connection, plan)
  const columns = source.rowid === null ? plan.columns : [rowidColumn(plan, source.rowid), ...plan.columns]
  const kinds = decideKinds(source, columns)
  const expressions = columns.map(({ sql }, i) => expressionOf(sql, kinds[i] as ParquetKind))
  const file = new ParquetFile(
    columns.map(({ name }, i) => ({ name, kind: kinds[i] as ParquetKind })),
    write,
  )
  let groupsEnd = 0
  let groups = 0
  for (const row of readRows(source, expressions)) {
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

function sourceOf(connection: DatabaseSync, plan: TablePlan): Source {
  // The line break ends a comment that the condition may end in.
  const where = plan.where === null ? '' : ` WHERE (${plan.where}\n)`
  return {
    connection,
    from: `FROM ${quoteName(plan.name)}${where}`,
    rowid: plan.rowid === null ? null : quoteName(plan.rowid),
    encoding: String(single(connection, 'PRAGMA encoding')),
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
  const [row = []] = readRows(
    source,
    columns.map(({ sql }) => `group_concat(DISTINCT typeof(${sql}))`),
  )
  return columns.map((_column, i) => {
    const found = typeof row[i] === 'string' ? row[i].split(',') : []
    return found.filter((name): name is StorageClass => name !== 'null')
  })
}

/** Those of `columns` that hold an integer which no double equals. */
function findInexact(source: Source, columns: readonly SourceColumn[]): Set<SourceColumn> {
  const [row = []] = readRows(
    source,
    columns.map(({ sql }) => `max(typeof(${sql}) = 'integer' AND CAST(${sql} AS REAL) <> ${sql})`),
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
  const order = parts.length > 1 && source.rowid !== null ? ` ORDER BY ${source.rowid}` : ''
  const [first, ...others] = parts.map(part =>
    select(source, `SELECT ${part.join(', ')} ${source.from}${order}`),
  )
  if (first === undefined) return
  for (const row of first) {
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
