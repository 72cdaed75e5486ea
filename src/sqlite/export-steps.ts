/** Reading a table by its rowids: many small rows in one step, large ones each by itself. */
import type { SQLOutputValue, StatementSync } from 'node:sqlite'
import type { RowEncoder } from '../export/encode/encoder.ts'
import { freeBytes } from '../export/free-bytes.ts'
import { LargeRows } from './export-large-rows.ts'
import {
  bytesOf,
  bytesSql,
  conditionOf,
  isRight,
  isTooBig,
  LENGTH_MAX,
  malformed,
  OUT_OF_ORDER,
  type Row,
  type RowOutput,
} from './export-row-bytes.ts'
import type { RowsOrder } from './export-rows.ts'
import { nextStepRows, type ReaderParts, type Statements, STEP_BYTES_MAX } from './export-step-size.ts'
import type { RowRange } from './requests.ts'
import { quoteName } from './sql.ts'

/** Rows of more than this on average gain nothing from being joined, which copies them. */
const LARGE_ROW_BYTES = 8 << 10
/** So many large rows are read before their size is looked at again. */
const SINGLE_ROWS = 16

/** What the range before taught: it was of the same table, most often. */
let known = { table: '', stepRows: 1 }

/** The size of its steps follows from that of the rows before. */
export class StepReader {
  readonly #order: RowsOrder
  readonly #by: string
  readonly #encoder: RowEncoder
  readonly #out: RowOutput
  readonly #asStored: boolean
  readonly #statements: Statements
  /** 1: each by itself, as at first, while nobody knows how large they are. */
  #stepRows: number

  constructor(order: RowsOrder, by: string, { encoder, statements, out }: ReaderParts) {
    this.#order = order
    this.#by = by
    this.#encoder = encoder
    this.#out = out
    this.#statements = statements
    this.#asStored = order.encoding === 'UTF-8'
    this.#stepRows = known.table === order.table.name ? known.stepRows : 1
  }

  *writeRange({ first, last }: RowRange): Generator<void> {
    for (let from = first; from <= last;) {
      const joined = this.#stepRows === 1 ? TOO_LARGE : this.#writeJoined(from, last)
      const end = joined === TOO_LARGE ? yield* this.#writeSingly(from, last) : joined
      if (end === null || end >= last) return
      if (end < from) throw malformed(OUT_OF_ORDER)
      from = end + 1n
      yield
    }
  }

  /** Answers the last rowid that was written; null when there is none any more. */
  #writeJoined(from: bigint, last: bigint): bigint | null | typeof TOO_LARGE {
    this.#order.connection.limits.length = STEP_BYTES_MAX
    let step: Row
    try {
      step = (this.#joined.get(from, last, this.#stepRows) ?? []) as unknown as Row
    } catch (error) {
      if (!isTooBig(error)) throw error
      return TOO_LARGE
    }
    const [text, end, count] = step as unknown as [SQLOutputValue, bigint | null, bigint]
    if (end === null) return null
    // Rowids come once.
    if (count > end - from + 1n) throw malformed(OUT_OF_ORDER)
    const bytes = bytesOf(text)
    const rows = Number(count)
    if (isRight(bytes, this.#encoder)) this.#out.put(bytes, rows)
    else this.#writeCarefully(from, end)
    this.#resize(bytes.length / rows)
    freeBytes(bytes)
    return end
  }

  *#writeSingly(from: bigint, last: bigint): Generator<void, bigint | null> {
    this.#order.connection.limits.length = LENGTH_MAX
    const before = { rows: this.#out.rows, bytes: this.#out.bytes }
    const large = LargeRows.for(this.#encoder, this.#asStored)
    const sql =
      large?.sql ?? bytesSql(this.#asStored ? this.#encoder.row : this.#encoder.carefulRow, this.#asStored)
    let end: bigint | null = null
    for (const row of iterate(this.#rows(sql), from, last, SINGLE_ROWS)) {
      if (end !== null && (row[0] as bigint) <= end) throw malformed(OUT_OF_ORDER)
      end = row[0] as bigint
      const isWritten = large === null ? this.#writeRow(row[1] ?? null) : large.write(row, this.#out)
      if (!isWritten) this.#writeCarefully(end, end)
      yield
    }
    const rows = this.#out.rows - before.rows
    if (rows > 0) this.#resize((this.#out.bytes - before.bytes) / rows)
    return end
  }

  #writeRow(text: SQLOutputValue): boolean {
    const bytes = bytesOf(text)
    if (this.#asStored && !isRight(bytes, this.#encoder)) return false
    this.#out.put(bytes, 1)
    freeBytes(bytes)
    return true
  }

  #writeCarefully(from: bigint, last: bigint): void {
    this.#order.connection.limits.length = LENGTH_MAX
    const sql = bytesSql(this.#encoder.carefulRow, this.#asStored)
    for (const [, text = null] of iterate(this.#rows(sql), from, last, -1)) {
      const bytes = bytesOf(text)
      this.#out.put(bytes, 1)
      freeBytes(bytes)
    }
  }

  #resize(rowBytes: number): void {
    this.#stepRows = rowBytes > LARGE_ROW_BYTES ? 1 : Math.max(2, nextStepRows(this.#stepRows, rowBytes))
    known = { table: this.#order.table.name, stepRows: this.#stepRows }
  }

  get #joined(): StatementSync {
    const { encoder, asStored } = { encoder: this.#encoder, asStored: this.#asStored }
    const separator = `'${encoder.separator.replaceAll("'", "''")}'`
    const rows = this.#select(`${asStored ? encoder.row : encoder.carefulRow} AS l`)
    return this.#statements.get(
      `SELECT ${bytesSql(`group_concat(l,${separator})`, asStored)},max(r),count(*) FROM (${rows})`,
    )
  }

  /** Each row's rowid, and what else is asked for. */
  #rows(sql: string): StatementSync {
    return this.#statements.get(this.#select(sql))
  }

  #select(sql: string): string {
    const { table } = this.#order
    const by = this.#by
    // A bare ?3 would count as a hint for the plan: SQLite would prepare the statement anew for each step.
    return `SELECT ${by} AS r,${sql} FROM ${quoteName(table.name)} WHERE ${by} BETWEEN ?1 AND ?2${conditionOf(table)} ORDER BY ${by} LIMIT +?3`
  }
}

const TOO_LARGE = 'too large'

function iterate(statement: StatementSync, from: bigint, last: bigint, rows: number): Iterable<Row> {
  // The types do not know what setReturnArrays does.
  return statement.iterate(from, last, rows) as unknown as Iterable<Row>
}
