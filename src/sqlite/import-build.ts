/** Building the new database: its settings, its objects, and SQLite's own tables. */
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite'
import type { ExportSettings, SchemaObject } from '../export/model.ts'
import { INTERNAL_TABLES } from '../import/head.ts'
import { at, Malformed, shown } from '../import/malformed.ts'
import { isOneStatement, virtualTableName, withoutCollation } from '../import/sql-text.ts'
import { Guard } from './import-guard.ts'
import { quoteName, single } from './sql.ts'

/** Faster than SQLite's 2 MB where keys do not come in order; sorting for an index takes as much again. */
const CACHE_KIB = 8192
const SQLITE_ERROR = 1
const SQLITE_AUTH = 23

/**
 * A database that is being made. Everything is one transaction; a file that was not finished is thrown away
 * as a whole, so nothing is flushed before its end and the journal is kept in memory, where it stays small.
 */
export class Build implements Disposable {
  readonly connection: DatabaseSync
  readonly #guard: Guard
  readonly #virtual: SchemaObject[] = []
  readonly #later: SchemaObject[] = []
  /** Functions that only the application has, and which are there by name alone. */
  readonly #stubs = new Set<string>()
  /** Tables that were made without a collation that only the application has, and their own statements. */
  readonly #mended = new Map<string, string>()
  /** What must be said of the result. */
  readonly notes: string[] = []
  #settings: Partial<ExportSettings> = {}
  #isBegun = false

  /** @param path a file that is not there yet or is empty, whose name nobody else knows */
  constructor(path: string) {
    this.connection = new DatabaseSync(path, {
      enableForeignKeyConstraints: false,
      enableDoubleQuotedStringLiterals: true,
      allowExtension: false,
      defensive: true,
    })
    this.#guard = new Guard(this.connection)
    this.connection.exec(
      'PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE',
    )
    // What the source holds is taken over, whether its constraints would still let it in or not.
    this.connection.exec(`PRAGMA ignore_check_constraints = ON; PRAGMA cache_size = -${CACHE_KIB}`)
  }

  [Symbol.dispose](): void {
    this.connection.close()
  }

  /** Notes what the database is to be set to; later values win. Those of the file's form must come before {@link begin}. */
  set(settings: Partial<ExportSettings>): void {
    this.#settings = { ...this.#settings, ...settings }
  }

  get encoding(): ExportSettings['encoding'] {
    return this.#settings.encoding ?? 'UTF-8'
  }

  get isBegun(): boolean {
    return this.#isBegun
  }

  begin(): void {
    const { page_size: pageSize = 4096, auto_vacuum: autoVacuum = 0 } = this.#settings
    this.connection.exec(`PRAGMA page_size = ${pageSize}; PRAGMA auto_vacuum = ${autoVacuum}`)
    this.connection.exec(`PRAGMA encoding = '${this.encoding}'; BEGIN`)
    this.#isBegun = true
  }

  /** Inserts rows by a statement from the file. */
  insert(sql: string): void {
    try {
      this.#guard.with('insert', () => this.connection.exec(sql))
    } catch (error) {
      throw malformedUnlessOurs(error)
    }
  }

  /** Makes a table or an index by a statement from the file, whatever it is called. */
  createUnnamed(type: 'table' | 'index', sql: string): void {
    this.#tryCreate(type, sql)
  }

  /**
   * Makes an object now, or notes it: views and triggers come after the rows, so that nothing of them is run,
   * and virtual tables are only entered in the schema at the end. So their modules need not be known here, and
   * their shadow tables are tables like any other until then.
   */
  create(object: SchemaObject): void {
    if (object.type === 'view' || object.type === 'trigger') this.#later.push(object)
    else if (object.type === 'table' && virtualTableName(object.sql) !== null) this.#virtual.push(object)
    else this.#createNow(object)
  }

  /** Makes a table of SQLite's own unless it is there. */
  ensureInternal(name: string): void {
    const sql = INTERNAL_TABLES.get(name)
    if (sql === undefined) throw new Malformed(`${shown(name)} is no table of SQLite's that can be imported`)
    const known = this.connection.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(name)
    if (known === undefined) this.#withWritableSchema(() => this.connection.exec(sql))
  }

  /** Makes what was put off, and commits. */
  finish(): void {
    this.#withWritableSchema(() => {
      for (const object of this.#virtual) this.#enterVirtual(object)
    })
    for (const object of this.#later) this.#createNow(object)
    this.#withWritableSchema(() => {
      const mend = this.#prepare("UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?")
      for (const [name, sql] of this.#mended) mend.run(sql, name)
    })
    const { user_version: user = 0, application_id: application = 0, journal_mode: mode } = this.#settings
    this.connection.exec(`PRAGMA user_version = ${user}; PRAGMA application_id = ${application}; COMMIT`)
    this.#noteForeignKeys()
    if (mode === 'wal') this.connection.exec('PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL')
  }

  #createNow(object: SchemaObject): void {
    const before = this.#objectCount()
    at(
      () => whereOf(object),
      () => {
        if (!this.#tryCreate(object.type, object.sql)) return
        const made = this.connection
          .prepare('SELECT sql FROM sqlite_schema WHERE type = ? AND name = ?')
          .get(object.type, object.name)
        const isRight = made?.['sql'] === object.sql || this.#mended.get(object.name) === object.sql
        if (!isRight || this.#objectCount() !== before + 1)
          throw new Malformed('its statement makes something else')
      },
    )
  }

  /** Runs one statement that makes an object. False when the object had to be left out. */
  #tryCreate(type: SchemaObject['type'], sql: string): boolean {
    try {
      this.#guard.with('create', () => this.#prepare(sql).run())
    } catch (error) {
      const missing = missingPart(error)
      if (missing !== null && type === 'index') {
        return this.#leaveOut(sql, `the ${missing.kind} ${missing.name}, which only the application has`)
      }
      if (missing === null || type !== 'table') throw malformedStatement(error)
      if (missing.kind === 'function') this.#stub(missing.name)
      else return this.#createOtherwise(sql, missing.name)
      return this.#tryCreate(type, sql)
    }
    const made = type === 'index' ? this.#newest('index') : null
    if (made === null || !this.#mended.has(String(made['tbl_name']))) return true
    this.connection.exec(`DROP INDEX ${quoteName(String(made['name']))}`)
    return this.#leaveOut(sql, `a collation that only the application has`)
  }

  /** Running it tells the rowid of the row inserted last, which may be beyond what a number holds. */
  #prepare(sql: string): StatementSync {
    const statement = this.connection.prepare(sql)
    statement.setReadBigInts(true)
    return statement
  }

  #leaveOut(sql: string, what: string): false {
    this.notes.push(`An index was left out, because it needs ${what}. Let the application run: ${sql}`)
    return false
  }

  /** A function that nobody calls: constraints are not looked at here. It must only be there by name. */
  #stub(name: string): void {
    if (this.#stubs.has(name)) throw new Malformed(`it needs the function ${shown(name)}`)
    this.#stubs.add(name)
    this.connection.function(name, { varargs: true, deterministic: true }, () => {
      throw new OwnFunction(name)
    })
  }

  /**
   * Makes a table whose collation is unknown with SQLite's own, and notes what its statement is to become. That
   * is right as long as nothing in the file is in the collation's order.
   */
  #createOtherwise(sql: string, collation: string): boolean {
    const otherwise = withoutCollation(sql, collation)
    if (otherwise === sql) throw new Malformed(`it needs the collation ${shown(collation)}`)
    if (!this.#tryCreate('table', otherwise)) return false
    const name = String(this.#newest('table')?.['name'])
    const hasOrder = this.connection.prepare(`PRAGMA index_list(${quoteName(name)})`).get() !== undefined
    const columns = this.connection.prepare(`PRAGMA table_xinfo(${quoteName(name)})`).all()
    if (hasOrder || columns.some(({ hidden }) => Number(hidden) !== 0)) {
      throw new Malformed(
        `the table ${shown(name)} cannot be made without the collation ${shown(collation)}, which only its application has`,
      )
    }
    this.#mended.set(name, sql)
    return true
  }

  #newest(type: 'table' | 'index'): Record<string, SQLOutputValue> | null {
    const sql =
      "SELECT name, tbl_name FROM sqlite_schema WHERE type = ? AND sql IS NOT NULL AND substr(name, 1, 7) <> 'sqlite_'"
    return this.connection.prepare(`${sql} ORDER BY rowid DESC LIMIT 1`).get(type) ?? null
  }

  /** Objects that somebody made: not SQLite's own tables and indexes, which come along with them. */
  #objectCount(): number {
    return Number(
      single(this.connection, "SELECT count(*) FROM sqlite_schema WHERE substr(name, 1, 7) <> 'sqlite_'"),
    )
  }

  #enterVirtual(object: SchemaObject): void {
    if (virtualTableName(object.sql) !== object.name || !isOneStatement(object.sql)) {
      throw new Malformed('its statement makes something else', whereOf(object))
    }
    this.connection
      .prepare("INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', ?, ?, 0, ?)")
      .run(object.name, object.name, object.sql)
  }

  #withWritableSchema(work: () => void): void {
    this.connection.enableDefensive(false)
    this.connection.exec('PRAGMA writable_schema = ON')
    work()
    this.connection.exec('PRAGMA writable_schema = OFF')
    this.connection.enableDefensive(true)
  }

  #noteForeignKeys(): void {
    try {
      const violations = this.connection.prepare('PRAGMA foreign_key_check').iterate()
      let count = 0
      for (const { table, parent } of violations) {
        if (count++ < NOTED_MAX)
          this.notes.push(`A row of ${String(table)} refers to none in ${String(parent)}.`)
      }
      if (count > NOTED_MAX) this.notes.push(`${count} rows refer to others that are not there.`)
    } catch (error) {
      if (codeOf(error) !== SQLITE_ERROR) throw error
      this.notes.push(`The foreign keys could not be checked: ${(error as Error).message}`)
    }
  }
}

/** More of one kind of note says nothing more. */
const NOTED_MAX = 5

/** SQLite's result codes that are about the file system or this machine, not about what it was asked. */
const OURS: ReadonlySet<number> = new Set([2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 22, 26])

/** The same error where it is about the disk; otherwise what it says of the export. */
export function malformedUnlessOurs(error: unknown): unknown {
  if (error instanceof OwnFunction) return new Malformed(error.message)
  const code = codeOf(error)
  if (!(error instanceof Error) || code === null || OURS.has(code)) return error
  if (code === SQLITE_AUTH)
    return new Malformed(`it does what an import does not let a file do (${error.message})`)
  return new Malformed(error.message)
}

/** The primary result code; null for an error of another kind. */
function codeOf(error: unknown): number | null {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : null
}

function whereOf({ type, name }: SchemaObject): string {
  return `${type} ${shown(name)}`
}

/** What is wrong with a statement from the file; Node, not SQLite, says so of one that is empty. */
function malformedStatement(error: unknown): unknown {
  return error instanceof Error && codeOf(error) === null
    ? new Malformed(error.message)
    : malformedUnlessOurs(error)
}

/** Somebody called a function that only the application has. */
class OwnFunction extends Error {
  readonly function: string

  constructor(name: string) {
    super(`it needs the function ${name}, which only its application has`)
    this.function = name
  }
}

interface Missing {
  readonly kind: string
  readonly name: string
}

/** What SQLite lacks for a statement that is right otherwise; null when it is something else. */
function missingPart(error: unknown): Missing | null {
  if (error instanceof OwnFunction) return { kind: 'function', name: error.function }
  if (!(error instanceof Error) || codeOf(error) !== SQLITE_ERROR) return null
  const [, kind, name] = /^no such (function|collation sequence): (.+)$/.exec(error.message) ?? []
  return kind === undefined || name === undefined ? null : { kind, name }
}
