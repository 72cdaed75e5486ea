/**
 * A table of the source in an empty database in memory: SQLite itself rewrites its schema there and says whether
 * rows fit. The schema may be hostile: an authorizer lets it do nothing but be created.
 */
import { constants, DatabaseSync } from 'node:sqlite'
import type { SchemaObject } from '../export/model.ts'
import type { SqliteValue } from '../export/redact/values.ts'
import { quoteName } from './sql.ts'

/** Rows inserted before they are taken back: none are kept, and going back costs little. */
const ROWS_A_TRY = 64
/** Functions of the application that its schema calls. */
const UNKNOWN_FUNCTIONS_MAX = 100

const ALLOWED: ReadonlySet<number> = new Set([
  constants.SQLITE_CREATE_TABLE,
  constants.SQLITE_CREATE_INDEX,
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_ALTER_TABLE,
  constants.SQLITE_READ,
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DELETE,
  constants.SQLITE_SELECT,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_REINDEX,
  constants.SQLITE_TRANSACTION,
  constants.SQLITE_SAVEPOINT,
])
/** They reach files or code, and no schema has a use for them. */
const FORBIDDEN_FUNCTIONS: ReadonlySet<string> = new Set([
  'load_extension',
  'readfile',
  'writefile',
  'edit',
  'fts3_tokenizer',
])

export class ScratchTable implements Disposable {
  readonly #connection: DatabaseSync
  readonly #table: string

  constructor(connection: DatabaseSync, table: string) {
    this.#connection = connection
    this.#table = table
  }

  /** The statement that makes the table as it now is. */
  get sql(): string {
    const row = this.#connection
      .prepare("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?")
      .get(this.#table)
    return String(row?.['sql'])
  }

  /** Drops `columns` in their order, after `indexes`; all or nothing. False where SQLite refuses. */
  tryDrop(columns: readonly string[], indexes: readonly string[]): boolean {
    this.#run('SAVEPOINT attempt')
    try {
      for (const index of indexes) this.#run(`DROP INDEX IF EXISTS ${quoteName(index)}`)
      for (const column of columns)
        this.#run(`ALTER TABLE ${quoteName(this.#table)} DROP COLUMN ${quoteName(column)}`)
      this.#run('RELEASE attempt')
      return true
    } catch {
      this.#takeBack('attempt')
      return false
    }
  }

  /**
   * Whether every row can be inserted, and its generated columns be read; nothing of them stays. Values stand in
   * the order of `columns`.
   */
  accepts(
    { columns, generated }: { readonly columns: readonly string[]; readonly generated: readonly string[] },
    rows: Iterable<readonly SqliteValue[]>,
  ): boolean {
    const table = quoteName(this.#table)
    const places = columns.map(() => '?').join(', ')
    // A table may say that rows which break a constraint are passed over; here they must be noticed.
    const insert = this.#connection.prepare(
      `INSERT OR ABORT INTO ${table} (${columns.map(quoteName).join(', ')}) VALUES (${places})`,
    )
    const list = generated.map(quoteName).join(', ')
    const readBack = generated.length === 0 ? null : this.#connection.prepare(`SELECT ${list} FROM ${table}`)
    readBack?.setReadBigInts(true)
    this.#run('SAVEPOINT rows')
    try {
      let count = 0
      for (const row of rows) {
        insert.run(...row)
        if (++count % ROWS_A_TRY !== 0) continue
        readBack?.all()
        this.#run('ROLLBACK TO rows')
      }
      readBack?.all()
      return true
    } catch (error) {
      if (error instanceof Error && 'errcode' in error) return false
      throw error
    } finally {
      this.#takeBack('rows')
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close()
  }

  #takeBack(savepoint: string): void {
    this.#run(`ROLLBACK TO ${savepoint}`)
    this.#run(`RELEASE ${savepoint}`)
  }

  #run(sql: string): void {
    this.#connection.prepare(sql).run()
  }
}

/**
 * Makes `table` with its `indexes`. Null where this SQLite cannot: a collation, say, that only the application
 * has. Unknown functions are given a stand-in that answers 1, so that a CHECK which only asks them passes.
 */
export function openScratch(table: SchemaObject, indexes: readonly SchemaObject[]): ScratchTable | null {
  const connection = new DatabaseSync(':memory:', {
    defensive: true,
    allowExtension: false,
    enableForeignKeyConstraints: false,
    // Old schemas quote texts with ".
    enableDoubleQuotedStringLiterals: true,
  })
  try {
    connection.exec('PRAGMA trusted_schema = OFF')
    connection.setAuthorizer((action, _table, name) =>
      ALLOWED.has(action) &&
      !(action === constants.SQLITE_FUNCTION && FORBIDDEN_FUNCTIONS.has(String(name).toLowerCase()))
        ? constants.SQLITE_OK
        : constants.SQLITE_DENY,
    )
    create(connection, table.sql)
    for (const index of indexes) create(connection, index.sql)
    return new ScratchTable(connection, table.name)
  } catch (error) {
    connection.close()
    if (error instanceof Error && 'errcode' in error) return null
    throw error
  }
}

/** `prepare` takes the first statement only, whatever stands behind it. */
function create(connection: DatabaseSync, sql: string): void {
  for (let tries = 0; ; tries++)
    try {
      connection.prepare(sql).run()
      return
    } catch (error) {
      // SQLite says in its message only which function it is.
      const [, name] = /^no such function: (.+)$/.exec(error instanceof Error ? error.message : '') ?? []
      if (name === undefined || tries >= UNKNOWN_FUNCTIONS_MAX) throw error
      connection.function(name, { deterministic: true, varargs: true }, () => 1n)
    }
}
