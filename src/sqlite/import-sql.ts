/** Importing SQL: our own exports, and what `sqlite3 .dump` writes. Statements of other kinds are refused. */
import type { ExportMetadata, ExportSettings } from '../export/model.ts'
import { type CheckedSummary, differenceFrom, parseMetadata, parseSummary } from '../import/head.ts'
import { parseJson } from '../import/json-parts.ts'
import { at, Malformed, shown } from '../import/malformed.ts'
import { decode } from '../import/pieces.ts'
import { StatementCutter } from '../import/sql-statements.ts'
import { decodeStatement, isOneStatement, tokensOf, unquote, virtualTableName } from '../import/sql-text.ts'
import type { ExportReader } from '../import/sink.ts'
import type { Build } from './import-build.ts'
import { quoteName, single } from './sql.ts'

const METADATA = ' metadata: '
const SUMMARY = ' summary: '
/** Enough to tell what a statement is. */
const TOKENS = 16
/** How `.dump` enters a virtual table in the schema, behind the name of that; `?` stands for any string. */
const ENTER_VIRTUAL =
  "( type , name , tbl_name , rootpage , sql ) VALUES ( 'table' , ? , ? , 0 , ? ) ;".split(' ')
const PRAGMA = /^PRAGMA\s+(\w+)\s*(?:=\s*|\(\s*)'?"?([\w+-]+)"?'?\s*\)?\s*;$/i
/** What stands before the rows of SQLite's own tables, into which it may have put some itself. */
const EMPTY_INTERNAL = /^DELETE\s+FROM\s+"?(sqlite_(?:sequence|stat[1-4]))"?\s*;$/i
/** Our exports make a table for a moment, so that SQLite makes `sqlite_sequence`. */
const DROP_HELPER = 'DROP TABLE chame_backup_sequence;'
/** Pragmas that say how the file is to be run, which is settled here already. */
const IGNORED: ReadonlySet<string> = new Set([
  'foreign_keys',
  'writable_schema',
  'synchronous',
  'defer_foreign_keys',
])

export class SqlReader implements ExportReader {
  readonly #build: Build
  readonly #cutter: StatementCutter
  metadata: ExportMetadata | null = null
  summary: CheckedSummary | null = null
  #isOpen = false
  #statements = 0

  constructor(build: Build) {
    this.#build = build
    this.#cutter = new StatementCutter({
      statement: (bytes, line) =>
        at(
          () => `line ${line}`,
          () => this.#run(bytes),
        ),
      comment: (bytes, line) =>
        at(
          () => `line ${line}`,
          () => this.#comment(bytes),
        ),
    })
  }

  write(chunk: Buffer): void {
    at(
      () => `line ${this.#cutter.line}`,
      () => this.#cutter.write(chunk),
    )
  }

  end(): void {
    this.#cutter.end()
    at(
      () => `line ${this.#cutter.line}`,
      () => this.#requireWhole(),
    )
    if (!this.#build.isBegun) this.#build.begin()
    at(
      () => 'summary',
      () => this.#requireCounted(),
    )
    this.#build.finish()
  }

  #comment(bytes: Buffer): void {
    const text = decode(bytes)
    if (text.startsWith(METADATA) && this.metadata === null) {
      this.metadata = parseMetadata(parseJson(text.slice(METADATA.length), 'metadata'), 'sql')
    } else if (text.startsWith(SUMMARY) && this.metadata !== null) {
      this.summary = parseSummary(parseJson(text.slice(SUMMARY.length), 'summary'))
    }
  }

  #run(bytes: Buffer): void {
    if (this.summary !== null) throw new Malformed('a statement comes after the summary')
    this.#statements++
    const sql = decodeStatement(bytes, this.#build.encoding === 'UTF-8').trim()
    const tokens = tokensOf(sql, TOKENS)
    const words = tokens.map(token => token.toUpperCase())
    const [first = ''] = words
    if (first === 'PRAGMA') return this.#pragma(sql)
    if (first === 'BEGIN' && !this.#isOpen) return void (this.#isOpen = true)
    if ((first === 'COMMIT' || first === 'END') && this.#isOpen) return void (this.#isOpen = false)
    if (first === 'ROLLBACK') throw new Malformed('whoever wrote it met an error, and undoes all of it here')
    if (!this.#build.isBegun) this.#build.begin()
    if (first === 'CREATE') return this.#create(sql, words)
    if (first === 'INSERT' && words[1] === 'INTO') return this.#insert(sql, unquote(tokens[2] ?? ''))
    const emptied = EMPTY_INTERNAL.exec(sql)?.[1]?.toLowerCase()
    if (emptied !== undefined) {
      this.#build.ensureInternal(emptied)
      return this.#build.connection.exec(`DELETE FROM ${emptied}`)
    }
    if (sql === DROP_HELPER) return this.#build.connection.exec(sql)
    if (/^ANALYZE "?sqlite_(?:schema|master)"?\s*;$/i.test(sql))
      return this.#build.ensureInternal('sqlite_stat1')
    throw new Malformed(`a statement of this kind is not imported: ${shown(sql)}`)
  }

  #create(statement: string, words: readonly string[]): void {
    // SQLite keeps the text up to the semicolon, with the space before it.
    const sql = statement.replace(/;$/, '').trimEnd()
    if (virtualTableName(sql) !== null) {
      throw new Malformed('a virtual table must be entered in the schema, as .dump does it')
    }
    if (words[1] === 'TRIGGER' || words[1] === 'VIEW') return this.#createLater(sql, words[1])
    const isIndex = words[1] === 'INDEX' || words[1] === 'UNIQUE'
    this.#build.createUnnamed(isIndex ? 'index' : 'table', sql)
  }

  /** Views and triggers are made after the rows, and checked then. */
  #createLater(sql: string, kind: 'TRIGGER' | 'VIEW'): void {
    const [name, dot] = tokensOf(sql, 5).slice(2)
    if (name === undefined || dot === '.' || (name.toUpperCase() === 'IF' && dot?.toUpperCase() === 'NOT')) {
      throw new Malformed(`the name of this ${kind.toLowerCase()} cannot be told: ${shown(sql)}`)
    }
    const type = kind === 'VIEW' ? 'view' : 'trigger'
    this.#build.create({ type, name: unquote(name), table: unquote(name), sql })
  }

  #insert(sql: string, table: string): void {
    if (/^sqlite_(?:schema|master)$/i.test(table)) return this.#enterVirtual(sql)
    if (/^sqlite_/i.test(table)) this.#build.ensureInternal(table.toLowerCase())
    this.#build.insert(sql)
  }

  #enterVirtual(sql: string): void {
    const [, , , ...tokens] = tokensOf(sql, 3 + ENTER_VIRTUAL.length)
    const isEntry = ENTER_VIRTUAL.every((expected, i) =>
      expected === '?' ? tokens[i]?.startsWith("'") : tokens[i]?.toUpperCase() === expected.toUpperCase(),
    )
    const [name = '', table = '', text = ''] = tokens
      .filter((_token, i) => ENTER_VIRTUAL[i] === '?')
      .map(unquote)
    const object = { type: 'table', name, table, sql: text } as const
    if (!isEntry || virtualTableName(text) !== name || !isOneStatement(text)) {
      throw new Malformed('only virtual tables may be entered in the schema')
    }
    this.#build.create(object)
  }

  #pragma(sql: string): void {
    const [, name = '', value = ''] = PRAGMA.exec(sql) ?? []
    if (IGNORED.has(name.toLowerCase())) return
    const settings = settingOf(name.toLowerCase(), value)
    if (settings === null) throw new Malformed(`a pragma of this kind is not imported: ${shown(sql)}`)
    const isOfForm = 'page_size' in settings || 'encoding' in settings || 'auto_vacuum' in settings
    if (isOfForm && this.#build.isBegun) throw new Malformed(`it comes after the first object: ${shown(sql)}`)
    this.#build.set(settings)
  }

  #requireWhole(): void {
    if (this.#isOpen)
      throw new Malformed('it has no COMMIT at its end: it was cut off, or is still being written')
    if (this.metadata !== null && this.summary === null) {
      throw new Malformed('it has no summary at its end: it was cut off, or is still being written')
    }
    if (this.#statements === 0) throw new Malformed('there is no SQL in it')
  }

  #requireCounted(): void {
    if (this.summary === null) return
    const counted = new Map<string, number>()
    for (const table of this.summary.tables.keys()) {
      const isThere = this.#build.connection
        .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")
        .get(table)
      if (isThere === undefined) throw new Malformed(`there is no table ${shown(table)}`)
      counted.set(table, Number(single(this.#build.connection, `SELECT count(*) FROM ${quoteName(table)}`)))
    }
    const difference = differenceFrom(this.summary, counted)
    if (difference !== null) throw new Malformed(difference)
  }
}

/** What a pragma sets of the new database; null for a pragma, or a value, that is not known here. */
function settingOf(pragma: string, value: string): Partial<ExportSettings> | null {
  const number = /^[+-]?\d+$/.test(value) ? Number(value) : null
  const word = value.toLowerCase()
  switch (pragma) {
    case 'page_size':
      return number !== null && number >= 512 && number <= 65_536 && Number.isInteger(Math.log2(number))
        ? { page_size: number }
        : null
    case 'encoding': {
      const encoding = (['UTF-8', 'UTF-16le', 'UTF-16be'] as const).find(name => name.toLowerCase() === word)
      return encoding === undefined ? null : { encoding }
    }
    case 'auto_vacuum': {
      const mode = ['none', 'full', 'incremental'].indexOf(word)
      const auto = number ?? mode
      return auto >= 0 && auto <= 2 ? { auto_vacuum: auto } : null
    }
    case 'user_version':
    case 'application_id':
      return number !== null && Math.abs(number) <= 2 ** 31 ? { [pragma]: number } : null
    case 'journal_mode':
      return word === 'wal' || word === 'delete' ? { journal_mode: word } : null
    default:
      return null
  }
}
