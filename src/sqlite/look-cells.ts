/** Values on their way into JSON: see `Cell`. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { bufferOf } from '../export/encode/text.ts'
import type { ExportSettings } from '../export/model.ts'
import type { Cell } from '../look/model.ts'

/** Of a text: a page or two. Even, because a character of UTF-16 takes two bytes. */
const TEXT_BYTES_MAX = 4_096
/** Of a blob: enough to tell what it is. */
const BLOB_BYTES_MAX = 64
/** SQLite loads the whole value for a part of it; of what is larger only the length is told. */
const LOADED_BYTES_MAX = 16 << 20
/** Of all rows of an answer, as JSON: more is not read on a screen, and takes long to send. */
const ANSWER_BYTES_MAX = 8 << 20

const FUNCTION = 'chame_cell'

/** Makes {@link cellSql} known to a connection. The schema's own SQL, which may be hostile, cannot call it. */
export function registerCells(connection: DatabaseSync, encoding: ExportSettings['encoding']): void {
  connection.function(
    FUNCTION,
    { deterministic: true, directOnly: true, useBigIntArguments: true },
    (kind, head, bytes) => JSON.stringify(cellOfHead(kind, head, Number(bytes ?? 0), encoding)),
  )
}

/** SQL for the value of a column, as SQL names it, as the JSON of a cell. */
export function cellSql(name: string): string {
  const head = (bytes: number): string =>
    `CASE WHEN octet_length(${name})<=${LOADED_BYTES_MAX} THEN substr(CAST(${name} AS BLOB),1,${bytes}) ELSE x'' END`
  return `${FUNCTION}(typeof(${name}),CASE typeof(${name}) WHEN 'text' THEN ${head(TEXT_BYTES_MAX)} WHEN 'blob' THEN ${head(BLOB_BYTES_MAX)} ELSE ${name} END,octet_length(${name}))`
}

/** The same of a column that is not shown. */
export function maskedSql(name: string): string {
  return `CASE WHEN ${name} IS NULL THEN 'null' ELSE '${JSON.stringify({ $masked: true })}' END`
}

/** The cell that {@link cellSql} has made. */
export function parseCell(json: SQLOutputValue | undefined): Cell {
  return typeof json === 'string' ? (JSON.parse(json) as Cell) : null
}

function cellOfHead(
  kind: SQLOutputValue,
  head: SQLOutputValue,
  bytes: number,
  encoding: ExportSettings['encoding'],
): Cell {
  // What is empty comes as null.
  if (head === null && (kind === 'text' || kind === 'blob')) head = new Uint8Array(0)
  // Two readings of one value of a view may differ, so what it is now counts.
  if (!(head instanceof Uint8Array)) return cellOf(head)
  if (kind !== 'text') return { $blob: bufferOf(head).toString('base64'), bytes }
  const isCut = head.length < bytes
  const text = decodeHead(head, encoding, isCut)
  if (text === null) return { $text: bufferOf(head).toString('base64'), bytes, base64: true }
  return isCut ? { $text: text, bytes } : text
}

/** Null for what is not valid; a character that was cut is left out. */
function decodeHead(head: Uint8Array, encoding: ExportSettings['encoding'], isCut: boolean): string | null {
  try {
    const label = encoding === 'UTF-8' ? 'utf-8' : encoding === 'UTF-16le' ? 'utf-16le' : 'utf-16be'
    return new TextDecoder(label, { fatal: true, ignoreBOM: true }).decode(head, { stream: isCut })
  } catch {
    return null
  }
}

/** The cell of a value that SQLite has given us as a whole; a text that is not valid has replacement characters already. */
export function cellOf(value: SQLOutputValue): Cell {
  if (value === null) return null
  if (typeof value === 'bigint') return integerCell(value)
  if (typeof value === 'number') return realCell(value)
  if (value instanceof Uint8Array)
    return {
      $blob: bufferOf(value.subarray(0, BLOB_BYTES_MAX)).toString('base64'),
      bytes: value.length,
    }
  // No character takes less than one byte.
  const bytes = Buffer.byteLength(value)
  if (bytes <= TEXT_BYTES_MAX) return value
  const head = Buffer.from(value.slice(0, TEXT_BYTES_MAX)).subarray(0, TEXT_BYTES_MAX)
  return { $text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(head, { stream: true }), bytes }
}

function integerCell(value: bigint): Cell {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : { $integer: String(value) }
}

function realCell(value: number): Cell {
  if (!Number.isInteger(value)) return Number.isFinite(value) ? value : { $real: String(value) }
  const digits = String(value)
  return { $real: digits.includes('e') ? digits : `${digits}.0` }
}

/** Takes rows until there are enough of them, in number or in bytes. */
export class TakenRows<Row> {
  readonly rows: Row[] = []
  /** Why no more are taken. */
  full: 'rows' | 'bytes' | null = null
  readonly #limit: number
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** False for a row that is not taken; the first one always is. */
  add(row: Row): boolean {
    this.#bytes += JSON.stringify(row).length
    if (this.rows.length === this.#limit) this.full = 'rows'
    else if (this.#bytes > ANSWER_BYTES_MAX && this.rows.length > 0) this.full = 'bytes'
    else this.rows.push(row)
    return this.full === null
  }
}
