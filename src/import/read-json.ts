import { DocumentCutter } from './json-document.ts'
import { JsonParts, type OpenTable } from './json-parts.ts'
import { at, Malformed, shown } from './malformed.ts'
import type { ExportReader, ImportSink } from './sink.ts'

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

/** Reads an export in one JSON document, laid out in any way. */
export class JsonReader implements ExportReader {
  readonly #parts: JsonParts
  readonly #cutter: DocumentCutter
  readonly #seen = new Set<string>()
  #open: OpenTable | null = null
  #isFirst = true

  constructor(sink: ImportSink) {
    this.#parts = new JsonParts('json', sink)
    this.#cutter = new DocumentCutter({
      value: (key, text) => this.#parts.part(key, text),
      table: name => this.#openTable(name),
      row: text => this.#row(text),
      tablesEnd: () => (this.#open = null),
    })
  }

  write(chunk: Buffer): void {
    const hasMark = this.#isFirst && chunk.subarray(0, 3).equals(BYTE_ORDER_MARK)
    this.#isFirst = false
    at(
      () => (this.#open === null ? '' : rowOf(this.#open)),
      () => this.#cutter.write(hasMark ? chunk.subarray(3) : chunk),
    )
  }

  end(): void {
    this.#cutter.end()
    this.#parts.end()
  }

  #openTable(name: string): void {
    if (this.#seen.has(name)) throw new Malformed(`the table ${shown(name)} is there twice`)
    this.#seen.add(name)
    this.#open = this.#parts.table(name)
  }

  #row(text: string): void {
    if (this.#open === null) throw new Malformed('a row belongs to no table')
    this.#parts.cursor.start(text)
    this.#parts.row(this.#open)
    this.#parts.cursor.expectEnd()
  }
}

function rowOf({ table, rows }: OpenTable): string {
  return `table ${shown(table.name)}, row ${rows}`
}
