import { JsonParts, type OpenTable } from './json-parts.ts'
import { at, Malformed, shown } from './malformed.ts'
import { decode, LineCutter } from './pieces.ts'
import type { ExportReader, ImportSink } from './sink.ts'

/** Reads an export with one JSON document a line. */
export class NdjsonReader implements ExportReader {
  readonly #parts: JsonParts
  readonly #cutter: LineCutter
  /** The table of the row before, and how a line with its next row begins. */
  #open: OpenTable | null = null
  #prefix = ''
  #line = 0

  constructor(sink: ImportSink) {
    this.#parts = new JsonParts('ndjson', sink)
    this.#cutter = new LineCutter(line => {
      this.#line++
      at(
        () => `line ${this.#line}`,
        () => this.#read(decode(line)),
      )
    })
  }

  write(chunk: Buffer): void {
    at(
      () => `line ${this.#line + 1}`,
      () => this.#cutter.write(chunk),
    )
  }

  end(): void {
    this.#cutter.end()
    at(
      () => `line ${this.#line}`,
      () => this.#parts.end(),
    )
  }

  #read(text: string): void {
    const { cursor } = this.#parts
    cursor.start(text)
    if (this.#parts.hasSummary) return cursor.expectEnd()
    if (this.#open !== null && cursor.skipText(this.#prefix)) {
      this.#parts.row(this.#open)
      cursor.expect('}')
    } else {
      this.#readAny(text)
    }
    cursor.expectEnd()
  }

  #readAny(text: string): void {
    const { cursor } = this.#parts
    cursor.start(text.startsWith('\ufeff') ? ` ${text.slice(1)}` : text)
    cursor.expect('{')
    cursor.skipSpace()
    const first = cursor.string()
    cursor.expect(':')
    if (first === 'table' || first === 'row') return this.#readRow(text, first)
    cursor.skipSpace()
    const start = cursor.position
    cursor.skipObject()
    this.#parts.part(first, text.slice(start, cursor.position))
    cursor.expect('}')
  }

  /** A line whose keys stand in another order, or with space between them. */
  #readRow(text: string, first: 'table' | 'row'): void {
    const { cursor } = this.#parts
    cursor.skipSpace()
    const start = cursor.position
    let name = ''
    if (first === 'table') name = cursor.string()
    else cursor.skipObject()
    cursor.expect(',')
    cursor.skipSpace()
    const second = cursor.string()
    if (second === first || (second !== 'table' && second !== 'row')) {
      throw new Malformed(`unexpected ${shown(second)}`)
    }
    cursor.expect(':')
    cursor.skipSpace()
    if (second === 'table') name = cursor.string()
    this.#open = this.#parts.table(name)
    this.#prefix = `{"table":${JSON.stringify(name)},"row":`
    if (second === 'row') {
      this.#parts.row(this.#open)
      return cursor.expect('}')
    }
    cursor.expect('}')
    cursor.expectEnd()
    const end = cursor.position
    cursor.start(text, start)
    this.#parts.row(this.#open)
    cursor.start(text, end)
  }
}
