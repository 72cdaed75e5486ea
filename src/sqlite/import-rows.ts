import type { StatementSync } from 'node:sqlite'
import type { ExportMetadata, ExportSchema, ExportTable } from '../export/model.ts'
import type { CheckedSummary } from '../import/head.ts'
import { Malformed } from '../import/malformed.ts'
import { fieldsOf, type ImportSink } from '../import/sink.ts'
import { RawText, type SqlValue } from '../import/values.ts'
import { type Build, malformedUnlessOurs } from './import-build.ts'
import { quoteName } from './sql.ts'

/** AUTOINCREMENT counters: one for each table at most. */
const SEQUENCE_ROWS_MAX = 100_000
/** Prepared statements kept for rows with raw text in this or that column. */
const VARIANTS_MAX = 32
const SEQUENCE = 'sqlite_sequence'

/** Puts what a reader reads into a new database. */
export class RowSink implements ImportSink {
  readonly #build: Build
  readonly #inserts = new Map<ExportTable, Insert>()
  readonly #sequence: (readonly SqlValue[])[] = []
  /** What the export says of itself; null until it has. */
  metadata: ExportMetadata | null = null
  summary: CheckedSummary | null = null
  #schema: ExportSchema | null = null

  constructor(build: Build) {
    this.#build = build
  }

  begin(metadata: ExportMetadata, schema: ExportSchema): void {
    this.metadata = metadata
    this.#schema = schema
    this.#build.set(schema.settings)
    this.#build.begin()
    for (const object of schema.objects) if (object.type === 'table') this.#build.create(object)
    for (const { name, kind } of schema.tables) if (kind === 'internal') this.#build.ensureInternal(name)
  }

  row(table: ExportTable, values: readonly SqlValue[]): void {
    // The rows of other tables change the counters; so these come last.
    if (table.name === SEQUENCE) {
      if (this.#sequence.push(values) > SEQUENCE_ROWS_MAX) throw new Malformed('it has too many rows')
      return
    }
    this.#insertInto(table).run(values)
  }

  end(summary: CheckedSummary): void {
    this.summary = summary
    const { objects = [], tables = [] } = this.#schema ?? {}
    const sequence = tables.find(({ name }) => name === SEQUENCE)
    if (sequence !== undefined) {
      this.#build.connection.exec('DELETE FROM sqlite_sequence')
      const insert = this.#insertInto(sequence)
      for (const values of this.#sequence) insert.run(values)
    }
    for (const object of objects) if (object.type !== 'table') this.#build.create(object)
    this.#build.finish()
  }

  #insertInto(table: ExportTable): Insert {
    let insert = this.#inserts.get(table)
    if (insert === undefined) {
      insert = new Insert(this.#build, table)
      this.#inserts.set(table, insert)
    }
    return insert
  }
}

class Insert {
  readonly #build: Build
  readonly #table: ExportTable
  readonly #variants = new Map<string, StatementSync>()
  #plain: StatementSync | null = null

  constructor(build: Build, table: ExportTable) {
    this.#build = build
    this.#table = table
  }

  run(values: readonly SqlValue[]): void {
    try {
      const raw = values.some(value => value instanceof RawText)
      if (raw) return this.#runRaw(values)
      this.#plain ??= this.#prepare(fieldsOf(this.#table).map(() => '?'))
      this.#plain.run(...(values as Exclude<SqlValue, RawText>[]))
    } catch (error) {
      throw malformedUnlessOurs(error)
    }
  }

  #runRaw(values: readonly SqlValue[]): void {
    const places = values.map(value => (value instanceof RawText ? 'CAST(? AS TEXT)' : '?'))
    const key = places.join()
    let statement = this.#variants.get(key)
    if (statement === undefined) {
      statement = this.#prepare(places)
      if (this.#variants.size < VARIANTS_MAX) this.#variants.set(key, statement)
    }
    statement.run(...values.map(value => (value instanceof RawText ? value.bytes : value)))
  }

  #prepare(places: readonly string[]): StatementSync {
    const { name } = this.#table
    const fields = fieldsOf(this.#table).map(quoteName)
    const values = fields.length === 0 ? 'DEFAULT VALUES' : `(${fields.join()}) VALUES (${places.join()})`
    // A table may say that rows which break a constraint are passed over, or take the place of others.
    const statement = this.#build.connection.prepare(`INSERT OR ABORT INTO ${quoteName(name)} ${values}`)
    // Running it tells the last rowid, which may be beyond what a number holds.
    statement.setReadBigInts(true)
    return statement
  }
}
