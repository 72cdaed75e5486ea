/** What can be made of a damaged schema: the objects that SQLite understands, and which are lost. */
import { constants, DatabaseSync } from 'node:sqlite'
import type { ExportSettings, LostRows, SchemaObject } from '../export/model.ts'
import {
  describeRows,
  describeTable,
  readSettings,
  type SchemaDescription,
  type SchemaRow,
  schemaRow,
  SCHEMA_ROWS,
  type TableDescription,
} from './describe-tables.ts'
import { damageOf, withoutQuotes } from './salvage-order.ts'
import { quoteName } from './sql.ts'

export interface Salvageable extends SchemaDescription {
  readonly lost: readonly LostRows[]
}

/** Never throws what SQLite says of the file: a schema of which nothing can be read has no tables. */
export function describeSalvageable(connection: DatabaseSync): Salvageable {
  const lost: LostRows[] = []
  const rows = readRows(connection, lost)
  const described = describeRows(rows, (row, kind) => {
    try {
      const table = describeTable(connection, row.name, kind)
      if (kind === 'virtual' || table.columns.length > 0) return table
      return lose(lost, row, 'SQLite makes nothing of its statement')
    } catch (error) {
      return lose(lost, row, withoutQuotes(damageOf(error)))
    }
  })
  return {
    settings: settingsOf(connection),
    ...understood(described, lost),
    sqliteVersion: String(process.versions['sqlite']),
    lost,
  }
}

/** Up to where the schema's own table is damaged, and then from its end. Of two of one name the first counts. */
function readRows(connection: DatabaseSync, lost: LostRows[]): SchemaRow[] {
  const found = new Map<string, SchemaRow>()
  let why: string | null = null
  for (const order of ['ASC', 'DESC']) {
    const rows: SchemaRow[] = []
    try {
      for (const row of connection.prepare(`${SCHEMA_ROWS} ${order}`).iterate()) {
        rows.push(schemaRow(row))
        if (rows.length > OBJECTS_MAX) throw new TooMany()
      }
    } catch (error) {
      why ??= error instanceof TooMany ? error.message : withoutQuotes(damageOf(error))
    }
    for (const row of order === 'ASC' ? rows : rows.toReversed()) {
      const key = JSON.stringify([
        row.type === 'index' || row.type === 'trigger' ? row.type : '',
        row.name.toLowerCase(),
      ])
      if (!found.has(key)) found.set(key, row)
    }
    if (why === null) break
  }
  if (why !== null) lost.push({ table: 'sqlite_schema', what: 'some objects', why })
  return [...found.values()]
}

/** A schema of more is one whose pages lead in circles. */
const OBJECTS_MAX = 100_000

class TooMany extends Error {
  constructor() {
    super('it does not end')
  }
}

function lose(lost: LostRows[], { name }: SchemaRow, why: string): null {
  lost.push({ table: name, what: 'the table', why })
  return null
}

function settingsOf(connection: DatabaseSync): ExportSettings {
  try {
    return readSettings(connection)
  } catch (error) {
    damageOf(error)
    return {
      page_size: 4096,
      encoding: 'UTF-8',
      auto_vacuum: 0,
      user_version: 0,
      application_id: 0,
      journal_mode: 'delete',
    }
  }
}

const CREATING: ReadonlySet<number> = new Set([
  constants.SQLITE_CREATE_TABLE,
  constants.SQLITE_CREATE_INDEX,
  constants.SQLITE_CREATE_VIEW,
  constants.SQLITE_CREATE_TRIGGER,
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_REINDEX,
  constants.SQLITE_SELECT,
  constants.SQLITE_SAVEPOINT,
])

/** Only what can be made anew: it is tried, in an empty database in memory. What only the application has is no damage. */
function understood(
  { objects, tables }: Pick<SchemaDescription, 'objects' | 'tables'>,
  lost: LostRows[],
): Pick<SchemaDescription, 'objects' | 'tables'> {
  const views = objects.filter(({ type }) => type === 'view').map(({ name }) => fold(name))
  const known = new Set([...tables.map(({ name }) => fold(name)), ...views])
  using scratch = new Scratch(tables.filter(({ kind }) => kind === 'virtual').map(({ name }) => fold(name)))
  const kept = objects.flatMap((object): SchemaObject[] => {
    const { type, name, table } = object
    // That it is lost is said already.
    if (type === 'table' && !known.has(fold(name))) return []
    const isLost = type !== 'view' && !known.has(fold(table))
    const made = isLost ? { why: 'its table is lost' } : scratch.make(object)
    if (!('why' in made)) return [made]
    const described = type === 'table' ? tables.find(each => fold(each.name) === fold(name)) : undefined
    const plain = described === undefined ? null : scratch.make({ ...object, sql: plainStatement(described) })
    const isPlain = plain !== null && !('why' in plain)
    const what = isPlain ? 'its statement, with all constraints' : `the ${type} ${JSON.stringify(name)}`
    lost.push({ table, what, why: made.why })
    return isPlain ? [plain] : []
  })
  const made = new Set(kept.filter(({ type }) => type === 'table').map(({ name }) => fold(name)))
  return {
    objects: kept,
    tables: tables.filter(({ name, kind }) => kind === 'internal' || made.has(fold(name))),
  }
}

/** A table for the same rows, of which SQLite knows more than its statement says. */
function plainStatement({ name, columns }: TableDescription): string {
  const list = columns.filter(({ isGenerated }) => !isGenerated).map(column => quoteName(column.name))
  return `CREATE TABLE ${quoteName(name)}(${list.join(',')})`
}

function fold(name: string): string {
  return name.toLowerCase()
}

/** Steps of a statement. A generated column made of others, doubled a few dozen times, would be a gigabyte of them. */
const STEPS_MAX = 1_000_000

class Scratch implements Disposable {
  readonly #connection = new DatabaseSync(':memory:', {
    defensive: true,
    allowExtension: false,
    enableDoubleQuotedStringLiterals: true,
  })

  /** In lower case: what cannot be made here for want of what the application has, and so all that is on it. */
  readonly #unmade: Set<string>

  constructor(unmade: readonly string[]) {
    this.#unmade = new Set(unmade)
    this.#connection.exec('PRAGMA trusted_schema = OFF')
    // Node before 25.8 knows no limits; there the memory is watched all the same.
    if ('limits' in this.#connection) this.#connection.limits.vdbeOp = STEPS_MAX
    this.#connection.setAuthorizer(action =>
      CREATING.has(action) ? constants.SQLITE_OK : constants.SQLITE_DENY,
    )
  }

  [Symbol.dispose](): void {
    this.#connection.close()
  }

  /** The object as SQLite writes it, or as it is where it could be made where its application is; otherwise why not. */
  make(object: SchemaObject): SchemaObject | { readonly why: string } {
    const { type, name, table, sql } = object
    if (type !== 'view' && this.#unmade.has(fold(table))) return object
    this.#run('SAVEPOINT attempt')
    try {
      this.#run(sql)
      const made = this.#connection
        .prepare('SELECT sql FROM sqlite_schema WHERE type = ? AND name = ?')
        .get(type, name)
      if (made === undefined) this.#run('ROLLBACK TO attempt')
      return made === undefined
        ? { why: 'its statement makes something else' }
        : { ...object, sql: String(made['sql']) }
    } catch (error) {
      this.#run('ROLLBACK TO attempt')
      if (!(error instanceof Error)) throw error
      if (!isBeyondUs(error)) return { why: withoutQuotes(error.message) }
      if (type === 'table') this.#unmade.add(fold(name))
      return object
    } finally {
      this.#run('RELEASE attempt')
    }
  }

  #run(sql: string): void {
    this.#connection.prepare(sql).run()
  }
}

const SQLITE_NOMEM = 7

/** It needs what only the application has, or more memory than there is. */
function isBeyondUs(error: Error): boolean {
  if ('errcode' in error && error.errcode === SQLITE_NOMEM) return true
  return /^no such (?:function|collation sequence|module): /.test(error.message)
}
