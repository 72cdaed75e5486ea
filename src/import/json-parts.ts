/** What json and ndjson have in common: the parts that come before, between and after the rows. */
import type { ExportFormat, ExportMetadata, ExportSchema, ExportTable } from '../export/model.ts'
import { type CheckedSummary, differenceFrom, parseMetadata, parseSchema, parseSummary } from './head.ts'
import { JsonCursor } from './json-cursor.ts'
import { RowParser } from './json-row.ts'
import { Malformed, shown } from './malformed.ts'
import { fieldsOf, type ImportSink } from './sink.ts'

interface OpenTable {
  readonly table: ExportTable
  readonly parser: RowParser
  rows: number
}

/** Collects the parts of an export and hands them to the sink in the order in which it needs them. */
export class JsonParts {
  readonly cursor: JsonCursor = new JsonCursor()
  readonly #format: ExportFormat
  readonly #sink: ImportSink
  readonly #tables = new Map<string, OpenTable>()
  #metadata: ExportMetadata | null = null
  #schema: ExportSchema | null = null
  #summary: CheckedSummary | null = null

  constructor(format: ExportFormat, sink: ImportSink) {
    this.#format = format
    this.#sink = sink
  }

  get hasSummary(): boolean {
    return this.#summary !== null
  }

  part(key: string, text: string): void {
    const value = parseJson(text, key)
    if (key === 'metadata' && this.#metadata === null) this.#metadata = parseMetadata(value, this.#format)
    else if (key === 'schema' && this.#schema === null) this.#schema = parseSchema(value)
    else if (key === 'summary' && this.#summary === null) this.#summary = parseSummary(value)
    else throw new Malformed(`unexpected or repeated ${shown(key)}`)
    if (key === 'summary' || this.#metadata === null || this.#schema === null) return
    for (const table of this.#schema.tables) {
      this.#tables.set(table.name, { table, parser: new RowParser(fieldsOf(table)), rows: 0 })
    }
    this.#sink.begin(this.#metadata, this.#schema)
  }

  /** The table of that name, whose rows come next. */
  table(name: string): OpenTable {
    if (this.#schema === null || this.#metadata === null) {
      throw new Malformed('rows come before the metadata and the schema')
    }
    const open = this.#tables.get(name)
    if (open === undefined) throw new Malformed(`the schema has no table ${shown(name)}`)
    return open
  }

  /** Reads the row at the cursor. */
  row(open: OpenTable): void {
    open.rows++
    this.#sink.row(open.table, open.parser.parse(this.cursor))
  }

  end(): void {
    if (this.#summary === null) {
      throw new Malformed('it has no summary at its end: it was cut off, or is still being written')
    }
    if (this.#metadata === null || this.#schema === null)
      throw new Malformed('it has no metadata or no schema')
    const counted = new Map([...this.#tables].map(([name, { rows }]) => [name, rows]))
    const difference = differenceFrom(this.#summary, counted)
    if (difference !== null) throw new Malformed(difference, 'summary')
    this.#sink.end(this.#summary)
  }
}

export type { OpenTable }

export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Malformed(`it is no JSON (${error instanceof Error ? error.message : String(error)})`, what)
  }
}
