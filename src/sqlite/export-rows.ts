/**
 * The rows of an export: encoded by SQLite itself, many in one step. JavaScript touches a value only where SQL
 * cannot encode it, or not as fast.
 */
import type { DatabaseSync } from 'node:sqlite'
import { csvEncoder } from '../export/encode/csv.ts'
import { type DatabaseEncoding, FUNCTIONS, type RowEncoder } from '../export/encode/encoder.ts'
import { jsonEncoder, ndjsonEncoder } from '../export/encode/json.ts'
import { sqlEncoder } from '../export/encode/sql.ts'
import { freeBytes } from '../export/free-bytes.ts'
import type { TablePlan } from '../export/model.ts'
import {
  bytesOf,
  bytesSql,
  conditionOf,
  isRight,
  LENGTH_MAX,
  type Row,
  RowOutput,
} from './export-row-bytes.ts'
import { KeyReader, keyOf } from './export-keys.ts'
import { Statements } from './export-step-size.ts'
import { StepReader } from './export-steps.ts'
import type { RowFormat, RowRange, RowsWritten } from './requests.ts'
import { quoteName } from './sql.ts'

export interface RowsOrder {
  readonly connection: DatabaseSync
  readonly encoding: DatabaseEncoding
  readonly table: TablePlan
  /** The name of the rowid, to read the table in parts; null to read it in one go. */
  readonly by: string | null
  readonly format: RowFormat
  /** Null: all rows. */
  readonly range: RowRange | null
  /** Of a database with so many bytes. */
  readonly databaseBytes: number
  /** What it is given is valid only until it returns. */
  readonly write: (bytes: Uint8Array) => void
}

/**
 * Writes the encoded rows of a table, or of a range of it, in the order of their rowids where it has some.
 * A separator stands between rows only. A step writes a few hundred kilobytes, or one row.
 */
export function* rowSteps(order: RowsOrder): Generator<void, RowsWritten> {
  const { connection, encoding, table, by, range } = order
  const { encoder, statements } = readyFor(order)
  // A row takes more than a byte.
  const out = new RowOutput(encoder.separator, order.write, order.databaseBytes)
  try {
    const key = by === null && encoding === 'UTF-8' ? keyOf(connection, table.name) : null
    if (key !== null) yield* new KeyReader(order, key, { encoder, statements, out }).writeAll()
    else if (by === null) writeInOneGo(order, encoder, out)
    else yield* new StepReader(order, by, { encoder, statements, out }).writeRange(range ?? WHOLE_RANGE)
  } finally {
    connection.limits.length = LENGTH_MAX
  }
  return { rows: out.rows, bytes: out.bytes }
}

const WHOLE_RANGE: RowRange = { first: -(2n ** 63n), last: 2n ** 63n - 1n }

/** What the rows of a table are read with. */
interface Ready {
  readonly connection: DatabaseSync
  /** The table and the format. */
  readonly of: string
  readonly encoder: RowEncoder
  readonly statements: Statements
}

/** The range before was of the same table, most often, and making its statements takes a tenth of its time. */
let last: Ready | null = null

function readyFor({ connection, encoding, table, format }: RowsOrder): Ready {
  const of = JSON.stringify([table, format])
  if (last?.connection === connection && last.of === of) return last
  const encoder = encoderFor(table, format)
  connection.function(FUNCTIONS.text, { directOnly: true, deterministic: true }, value =>
    value instanceof Uint8Array ? encoder.text(value, encoding) : null,
  )
  last = { connection, of, encoder, statements: new Statements(connection) }
  return last
}

export function encoderFor(table: TablePlan, format: RowFormat): RowEncoder {
  if (format.kind === 'json') return jsonEncoder(table, format)
  if (format.kind === 'ndjson') return ndjsonEncoder(table)
  return format.kind === 'csv' ? csvEncoder(table, format.dialect) : sqlEncoder(table)
}

/** A table without rowids has no place to begin again at; its first row that needs care makes all after it be read so. */
function writeInOneGo({ connection, table, encoding }: RowsOrder, encoder: RowEncoder, out: RowOutput): void {
  const asStored = encoding === 'UTF-8'
  const read = (row: string, skipped: number): Iterable<Row> => {
    const statement = connection.prepare(
      `SELECT ${bytesSql(row, asStored)} FROM ${quoteName(table.name)} WHERE 1${conditionOf(table)} LIMIT -1 OFFSET ${skipped}`,
    )
    statement.setReturnArrays(true)
    return statement.iterate() as unknown as Iterable<Row>
  }
  let isRightSoFar = asStored
  if (asStored) {
    for (const [text = null] of read(encoder.row, 0)) {
      const bytes = bytesOf(text)
      isRightSoFar = isRight(bytes, encoder)
      if (!isRightSoFar) break
      out.put(bytes, 1)
      freeBytes(bytes)
    }
  }
  if (isRightSoFar) return
  for (const [text = null] of read(encoder.carefulRow, out.rows)) {
    const bytes = bytesOf(text)
    out.put(bytes, 1)
    freeBytes(bytes)
  }
}
