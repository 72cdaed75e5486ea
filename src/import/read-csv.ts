/** Reads the file of one table. Quoted fields are text; all others say their class by their form. */
import type { CsvDialect } from '../export/model.ts'
import { at, Malformed, shown } from './malformed.ts'
import { decode, PieceBuffer } from './pieces.ts'
import { fromHex, RawText, type SqlValue, toInteger } from './values.ts'

const QUOTE = 0x22
const LINE_FEED = 10
const INTEGER = /^-?\d+$/
const REAL = /^-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?$/
const BLOB = /^X'([0-9A-Fa-f]*)'$/
const TEXT = /^CAST\(X'([0-9A-Fa-f]*)' AS TEXT\)$/

export interface CsvShape {
  /** What the header must say. */
  readonly fields: readonly string[]
  readonly dialect: CsvDialect
}

export class CsvReader {
  readonly #shape: CsvShape
  readonly #onRow: (values: SqlValue[]) => void
  readonly #piece = new PieceBuffer()
  #isInQuotes = false
  #records = 0
  #line = 1
  #lineOfRecord = 1

  constructor(shape: CsvShape, onRow: (values: SqlValue[]) => void) {
    this.#shape = shape
    this.#onRow = onRow
  }

  /** Rows so far, the header apart. */
  get rows(): number {
    return Math.max(0, this.#records - 1)
  }

  write(chunk: Buffer): void {
    at(this.#where, () => this.#cut(chunk))
  }

  end(): void {
    at(this.#where, () => {
      if (this.#isInQuotes) throw new Malformed('a quoted field has no end: the file was cut off')
      if (!this.#piece.isEmpty) throw new Malformed('the last line has no end: the file was cut off')
      if (this.#records === 0) throw new Malformed('it has no header')
    })
  }

  readonly #where = (): string => `line ${this.#lineOfRecord}`

  #cut(chunk: Buffer): void {
    let start = 0
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index]
      if (byte === QUOTE) {
        this.#isInQuotes = !this.#isInQuotes
      } else if (byte === LINE_FEED) {
        this.#line++
        if (this.#isInQuotes) continue
        this.#record(decode(this.#piece.take(chunk.subarray(start, index))))
        this.#lineOfRecord = this.#line
        start = index + 1
      }
    }
    this.#piece.add(chunk.subarray(start))
  }

  #record(record: string): void {
    const text = record.endsWith('\r') ? record.slice(0, -1) : record
    this.#records++
    if (this.#records > 1) return this.#onRow(this.#values(text))
    const { fields, dialect } = this.#shape
    const unmarked = text.startsWith('\ufeff') ? text.slice(1) : text
    const header = cutRecord(unmarked, dialect.delimiter, fields.length).map(field => textOf(field, dialect))
    if (header.length !== fields.length || header.some((name, index) => name !== fields[index])) {
      throw new Malformed('the header is not that of the table in the schema')
    }
  }

  #values(text: string): SqlValue[] {
    const { fields, dialect } = this.#shape
    const cut = cutRecord(text, dialect.delimiter, fields.length)
    if (cut.length !== fields.length) {
      throw new Malformed(`it has ${cut.length} fields instead of ${fields.length}`)
    }
    return cut.map(field => valueOf(field, dialect))
  }
}

interface Field {
  readonly text: string
  readonly isQuoted: boolean
}

/** @param expected how many fields there should be: an empty line is one empty field, or none */
function cutRecord(text: string, delimiter: string, expected: number): Field[] {
  if (text === '' && expected === 0) return []
  const fields: Field[] = []
  let start = 0
  for (;;) {
    let end: number
    if (text.charCodeAt(start) === QUOTE) {
      end = endOfQuoted(text, start + 1)
      const inner = text.slice(start + 1, end - 1)
      fields.push({ text: inner.includes('"') ? inner.replaceAll('""', '"') : inner, isQuoted: true })
    } else {
      const next = text.indexOf(delimiter, start)
      end = next === -1 ? text.length : next
      fields.push({ text: text.slice(start, end), isQuoted: false })
    }
    if (end === text.length) return fields
    if (!text.startsWith(delimiter, end)) throw new Malformed('something follows a quoted field')
    start = end + delimiter.length
  }
}

/** The position behind the quote that closes a field; two in a row stand for one in it. */
function endOfQuoted(text: string, from: number): number {
  for (let at_ = from; ; at_ += 2) {
    at_ = text.indexOf('"', at_)
    if (at_ === -1) throw new Malformed('a quoted field has no end')
    if (text.charCodeAt(at_ + 1) !== QUOTE) return at_ + 1
  }
}

/** Without the apostrophe that keeps a spreadsheet from taking it for a formula. */
function textOf({ text }: Field, { excel_safe }: CsvDialect): string {
  return excel_safe && text.startsWith("'") ? text.slice(1) : text
}

function valueOf(field: Field, dialect: CsvDialect): SqlValue {
  const { text, isQuoted } = field
  if (isQuoted) return textOf(field, dialect)
  if (text === dialect.null) return null
  if (INTEGER.test(text)) {
    const value = toInteger(text)
    if (value === null) throw new Malformed(`${text} is beyond what SQLite holds`)
    return value
  }
  if (REAL.test(text)) return Number(text)
  if (text === 'Infinity' || text === '-Infinity') return Number(text)
  const blob = BLOB.exec(text)?.[1]
  const raw = blob === undefined ? TEXT.exec(text)?.[1] : undefined
  const bytes = fromHex(blob ?? raw ?? 'x')
  if (bytes === null) throw new Malformed(`${shown(text)} is not quoted as text is, and no other value`)
  return blob === undefined ? new RawText(bytes) : bytes
}
