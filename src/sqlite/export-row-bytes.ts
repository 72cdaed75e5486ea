/** What rows are while they are on their way from SQLite to where they are written. */
import { isUtf8 } from 'node:buffer'
import type { SQLOutputValue } from 'node:sqlite'
import type { RowEncoder } from '../export/encode/encoder.ts'
import { bufferOf } from '../export/encode/text.ts'
import type { TablePlan } from '../export/model.ts'

/** SQLite's own limit of a text. */
export const LENGTH_MAX = 1_000_000_000

/** One row as `setReturnArrays` gives it. */
export type Row = readonly SQLOutputValue[]

/** Where rows go, with separators between them, whichever way they came. */
export class RowOutput {
  rows = 0
  bytes = 0
  readonly #separator: Buffer
  readonly #write: (bytes: Uint8Array) => void
  readonly #rowsMax: number

  /** @param rowsMax more than these cannot be in the database */
  constructor(separator: string, write: (bytes: Uint8Array) => void, rowsMax: number) {
    this.#separator = Buffer.from(separator)
    this.#write = write
    this.#rowsMax = rowsMax
  }

  /** Rows with their separators. */
  put(bytes: Uint8Array, rows: number): void {
    this.begin(rows)
    this.add(bytes)
  }

  /** Rows whose bytes follow in parts. */
  begin(rows: number): void {
    if (this.rows > 0 && this.#separator.length > 0) this.add(this.#separator)
    this.rows += rows
    if (this.rows > this.#rowsMax) throw malformed(TOO_MANY_ROWS)
  }

  add(bytes: Uint8Array): void {
    this.#write(bytes)
    this.bytes += bytes.length
  }
}

/** Bytes as they are stored; of a database in UTF-16 they would not be UTF-8, so text is asked for there. */
export function bytesSql(text: string, asStored: boolean): string {
  return asStored ? `CAST(${text} AS BLOB)` : text
}

export function bytesOf(text: SQLOutputValue): Uint8Array {
  return text instanceof Uint8Array ? text : Buffer.from(String(text))
}

export function isRight(bytes: Uint8Array, { suspicious }: RowEncoder): boolean {
  if (!isUtf8(bytes)) return false
  const buffer = bufferOf(bytes)
  return !suspicious.some(text => buffer.includes(text, 0, 'latin1'))
}

/** What follows in the WHERE of a table's rows. */
export function conditionOf({ where }: TablePlan): string {
  return where === null ? '' : ` AND (${where}\n)`
}

const SQLITE_CORRUPT = 11

export const TOO_MANY_ROWS = 'a table has more rows than the file has bytes'
export const OUT_OF_ORDER = 'its rows are out of order'

/** Damage that SQLite itself does not see, such as pages that lead back to each other, as SQLite would say it. */
export function malformed(what: string): Error {
  return Object.assign(new Error(`database disk image is malformed: ${what}`), { errcode: SQLITE_CORRUPT })
}

const SQLITE_TOOBIG = 18

/** What is too long, as SQLite would say it. */
export function tooBig(): Error {
  return Object.assign(new Error('string or blob too big'), { errcode: SQLITE_TOOBIG })
}

export function isTooBig(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_TOOBIG
}
