/** Reading a table WITHOUT ROWID in steps: from one key to another, many rows in each. */
import { isDeepStrictEqual } from 'node:util'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { RowEncoder } from '../export/encode/encoder.ts'
import { freeBytes } from '../export/free-bytes.ts'
import {
  bytesOf,
  bytesSql,
  conditionOf,
  isRight,
  isTooBig,
  malformed,
  LENGTH_MAX,
  type Row,
  type RowOutput,
} from './export-row-bytes.ts'
import type { RowsOrder } from './export-rows.ts'
import { nextStepRows, type ReaderParts, type Statements, STEP_BYTES_MAX } from './export-step-size.ts'
import { quoteName } from './sql.ts'

const STEP_ROWS_AT_FIRST = 64
/** What a text that is not valid UTF-8 is read with. */
const REPLACEMENT = '\uFFFD'

/** SQL of each column of the key. */
export type Key = readonly string[]
type KeyValue = Exclude<SQLOutputValue, null>
type KeyValues = readonly KeyValue[]

/** Null where a table has no key by which it could be read. */
export function keyOf(connection: DatabaseSync, table: string): Key | null {
  const indexes = connection.prepare(`PRAGMA index_list(${quoteName(table)})`).all()
  const primary = indexes.find(row => row['origin'] === 'pk')
  if (primary === undefined) return null
  const columns = connection.prepare(`PRAGMA index_xinfo(${quoteName(String(primary['name']))})`).all()
  // Such an index leads to the rowid; the tree of a table without rowids has all other columns in it instead.
  if (columns.some(row => row['cid'] === -1)) return null
  const names = columns.filter(row => row['key'] === 1).map(row => String(row['name']))
  return isOrder(connection, table, names) ? names.map(quoteName) : null
}

/**
 * Whether the tree is in the order in which SQL compares these columns: not where one descends, or the key has
 * another collation than the column, so that keys which differ would be equal. SQLite says it by searching the tree.
 */
function isOrder(connection: DatabaseSync, table: string, names: readonly string[]): boolean {
  const [list, marks] = [names.map(quoteName).join(','), names.map(() => '?').join(',')]
  const plan = connection
    .prepare(
      `EXPLAIN QUERY PLAN SELECT 1 FROM ${quoteName(table)} WHERE (${list}) > (${marks}) ORDER BY ${list}`,
    )
    .all()
  const all = names.length === 1 ? `${names.join('')}>?` : `(${names.join(',')})>(${marks})`
  return plan.length === 1 && String(plan[0]?.['detail']).endsWith(` USING PRIMARY KEY (${all})`)
}

export class KeyReader {
  readonly #order: RowsOrder
  readonly #key: Key
  readonly #encoder: RowEncoder
  readonly #out: RowOutput
  readonly #statements: Statements
  #stepRows = STEP_ROWS_AT_FIRST

  /** Of a database in UTF-8. */
  constructor(order: RowsOrder, key: Key, { encoder, statements, out }: ReaderParts) {
    this.#order = order
    this.#key = key
    this.#encoder = encoder
    this.#out = out
    this.#statements = statements
  }

  *writeAll(): Generator<void> {
    for (let from: KeyValues | null = null; ;) {
      const to: KeyValues | null = this.#keyBehind(from)
      const before = { rows: this.#out.rows, bytes: this.#out.bytes }
      if (to === null || !this.#writeJoined(from, to)) this.#writeSingly(from, to)
      if (to === null) return
      if (from !== null && isDeepStrictEqual(from, to))
        throw malformed('its rows are not in the order of their keys')
      from = to
      const rows = Math.max(1, this.#out.rows - before.rows)
      this.#stepRows = nextStepRows(this.#stepRows, (this.#out.bytes - before.bytes) / rows)
      yield
    }
  }

  /** The key that ends the step; null where it is the last one, or the rest has to be read as one. */
  #keyBehind(from: KeyValues | null): KeyValues | null {
    const sql = `SELECT ${this.#key.join(',')} ${this.#from(from, null, '')} ORDER BY ${this.#key.join(',')} LIMIT 1 OFFSET ${this.#stepRows}`
    const key = this.#statements.get(sql).get(...(from ?? [])) as unknown as Row | undefined
    return key !== undefined && key.every(isExact) ? key : null
  }

  #writeJoined(from: KeyValues | null, to: KeyValues): boolean {
    const separator = `'${this.#encoder.separator.replaceAll("'", "''")}'`
    // Keys come once. A text that has become too long does not end the statement, so rows have to.
    const rowsMax = this.#stepRows + 1
    const rows = `SELECT ${this.#encoder.row} AS l ${this.#rows(from, to)} LIMIT ${rowsMax + 1}`
    const sql = `SELECT ${bytesSql(`group_concat(l,${separator})`, true)},count(*) FROM (${rows})`
    this.#order.connection.limits.length = STEP_BYTES_MAX
    let step: Row
    try {
      step = this.#statements.get(sql).get(...(from ?? []), ...to) as unknown as Row
    } catch (error) {
      if (!isTooBig(error)) throw error
      return false
    }
    const [text = null, count] = step
    if (Number(count) > rowsMax) throw malformed('its keys are not in order')
    if (count === 0n) return true
    const bytes = bytesOf(text)
    if (!isRight(bytes, this.#encoder)) return false
    this.#out.put(bytes, Number(count))
    freeBytes(bytes)
    return true
  }

  #writeSingly(from: KeyValues | null, to: KeyValues | null): void {
    this.#order.connection.limits.length = LENGTH_MAX
    const sql = `SELECT ${bytesSql(this.#encoder.carefulRow, true)} ${this.#rows(from, to)}`
    const rows = this.#statements.get(sql).iterate(...(from ?? []), ...(to ?? [])) as unknown as Iterable<Row>
    for (const [text = null] of rows) {
      const bytes = bytesOf(text)
      this.#out.put(bytes, 1)
      freeBytes(bytes)
    }
  }

  #rows(from: KeyValues | null, to: KeyValues | null): string {
    return `${this.#from(from, to, conditionOf(this.#order.table))} ORDER BY ${this.#key.join(',')}`
  }

  #from(from: KeyValues | null, to: KeyValues | null, condition: string): string {
    const key = `(${this.#key.join(',')})`
    const values = `(${this.#key.map(() => '?').join(',')})`
    const after = from === null ? '' : ` AND ${key} > ${values}`
    const until = to === null ? '' : ` AND ${key} <= ${values}`
    return `FROM ${quoteName(this.#order.table.name)} WHERE 1${after}${until}${condition}`
  }
}

/** Whether what is bound again is what was read. */
function isExact(value: SQLOutputValue): value is KeyValue {
  if (typeof value === 'string')
    return value.isWellFormed() && !value.includes(REPLACEMENT) && !value.includes('\0')
  return value !== null
}
