/**
 * What a statement may do that somebody else wrote, on an image: read tables and call functions that compute. SQLite
 * asks before it compiles each statement, whatever the statement looks like; columns that are not shown it reads as NULL.
 */
import { constants, type DatabaseSync } from 'node:sqlite'
import { foldName } from '../export/redact/parse-redaction.ts'
import { callsAny, joinedColumns, namesInSql } from '../export/redact/sql-words.ts'
import type { MaskedColumn } from '../look/model.ts'
import type { SchemaDescription, TableDescription } from './describe-tables.ts'
import type { Masks } from './look-mask.ts'
import { quoteName } from './sql.ts'

const {
  SQLITE_OK,
  SQLITE_DENY,
  SQLITE_IGNORE,
  SQLITE_SELECT,
  SQLITE_READ,
  SQLITE_FUNCTION,
  SQLITE_RECURSIVE,
  SQLITE_PRAGMA,
} = constants

/** Functions that reach beyond the database, or into SQLite itself. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'load_extension',
  'fts3_tokenizer',
  'readfile',
  'writefile',
  'edit',
  'sqlite_log',
  'optimize',
  'rtreecheck',
])
/** They show what is in any column of a full-text table, or whether a word is in it, without reading the column. */
const SHOWS_FULL_TEXT: ReadonlySet<string> = new Set([
  'highlight',
  'snippet',
  'match',
  'offsets',
  'matchinfo',
])
/** Pragmas that tell the schema of one table or index. */
const TELLING: ReadonlySet<string> = new Set([
  'table_info',
  'table_xinfo',
  'index_list',
  'index_info',
  'index_xinfo',
  'foreign_key_list',
])
/** Tables that are there without anyone having made them, and that tell no more than that. */
const EPONYMOUS: ReadonlySet<string> = new Set([
  'json_each',
  'json_tree',
  ...[...TELLING].map(pragma => `pragma_${pragma}`),
])
/** `sqlite_stat4` has rows of the tables in it. */
const INTERNAL: ReadonlySet<string> = new Set([
  'sqlite_master',
  'sqlite_schema',
  'sqlite_temp_master',
  'sqlite_temp_schema',
  'sqlite_sequence',
  'sqlite_stat1',
])
/** Modules whose tables show what is in others. */
const SHOWS_OTHERS = /\busing\s+["'`[]?(?:fts5vocab|fts4aux|dbstat)\b/i

/** A table whose rows would show what may be masked elsewhere. */
export function isRevealing({ name, kind }: TableDescription, { objects }: SchemaDescription): boolean {
  if (kind === 'shadow') return true
  if (kind === 'internal') return !INTERNAL.has(foldName(name))
  if (kind !== 'virtual') return false
  const sql = objects.find(object => object.type === 'table' && object.name === name)?.sql ?? ''
  // Comments may stand between any two words.
  return SHOWS_OTHERS.test(sql.replaceAll(/\/\*[\s\S]*?\*\/|--[^\n]*/g, ' '))
}

/** A view that shows masked columns all the same: what FULL JOIN makes of two columns SQLite reads without asking. */
export function isRevealingView(sql: string, masks: Masks): boolean {
  return namesInSql(sql).has('full') && joinedMask(sql, masks) !== null
}

/** A masked column that a statement joins by, which SQLite compares without asking. */
function joinedMask(sql: string, masks: Masks): MaskedColumn | null {
  const names = namesInSql(sql)
  const joined = joinedColumns(sql)
  const isJoined = ({ table, column }: MaskedColumn): boolean =>
    names.has(foldName(table)) && (joined === null || joined.has(foldName(column)))
  return masks.all.find(isJoined) ?? null
}

export class LookGuard {
  /** Sensitive columns that were read as NULL. */
  readonly masked: Set<MaskedColumn> = new Set()
  /** Why a statement was refused. */
  refusal: string | null = null
  readonly #masks: Masks | null
  readonly #known = new Map<string, boolean>()
  /** Virtual tables, by their folded names, that have columns which are not shown. */
  readonly #fullText: ReadonlySet<string>
  #isRunning = false

  /** @param masks null where everything may be shown */
  constructor(connection: DatabaseSync, schema: SchemaDescription, masks: Masks | null) {
    this.#masks = masks
    const virtual = schema.tables.filter(({ kind }) => kind === 'virtual')
    const hiding = virtual.filter(({ name }) => masks !== null && masks.in(name).length > 0)
    this.#fullText = new Set(hiding.map(({ name }) => foldName(name)))
    for (const table of schema.tables)
      this.#known.set(foldName(table.name), masks === null || !isRevealing(table, schema))
    for (const { type, name, sql } of schema.objects)
      if (type === 'view') this.#known.set(foldName(name), masks === null || !isRevealingView(sql, masks))
    // A virtual table's own statements are not the caller's: those that it needs to be opened are compiled here.
    for (const { name } of virtual) openVirtual(connection, name)
    connection.setAuthorizer((action, first, second) => this.#authorize(action, first, second))
  }

  /** Throws for a caller's statement that would show masked columns in a way of which SQLite does not ask. */
  requireNoOtherWay(sql: string): void {
    const joined = this.#masks === null ? null : joinedMask(sql, this.#masks)
    if (joined !== null) this.#refuse(`it joins by ${joined.table}.${joined.column}, which is masked`)
    if (callsAny(sql, this.#fullText)) this.#refuse('it searches a table with masked columns')
    if (this.refusal !== null) throw new Error(this.refusal)
  }

  /** While a statement runs, virtual tables compile their own, on their shadow tables. */
  running<T>(run: () => T): T {
    this.#isRunning = true
    try {
      return run()
    } finally {
      this.#isRunning = false
    }
  }

  #authorize(action: number, first: string | null, second: string | null): number {
    switch (action) {
      case SQLITE_SELECT:
      case SQLITE_RECURSIVE:
        return SQLITE_OK
      case SQLITE_READ:
        return this.#read(first ?? '', second ?? '')
      case SQLITE_FUNCTION:
        return this.#call(second ?? '')
      case SQLITE_PRAGMA: {
        const pragma = foldName(first ?? '')
        const isTelling = TELLING.has(pragma) || (this.#isRunning && pragma === 'data_version')
        return isTelling ? SQLITE_OK : this.#refuse(`it uses PRAGMA ${first}`)
      }
      default:
        return this.#refuse('it does more than read')
    }
  }

  #read(table: string, column: string): number {
    const masked = this.#masks?.of(table, column) ?? null
    if (masked !== null) {
      this.masked.add(masked)
      return SQLITE_IGNORE
    }
    const name = foldName(table)
    // The column that is called like its table is there to be searched.
    if (this.#fullText.has(name) && foldName(column) === name)
      return this.#refuse(`it searches ${table}, which has masked columns`)
    // Without a column only their number is read; a table that a statement names for itself looks like that too.
    const isHarmless = column === '' && !this.#known.has(name)
    if (this.#isRunning || isHarmless || EPONYMOUS.has(name) || INTERNAL.has(name)) return SQLITE_OK
    return this.#known.get(name) === true ? SQLITE_OK : this.#refuse(`it reads ${table}`)
  }

  #call(name: string): number {
    if (FORBIDDEN.has(foldName(name))) return this.#refuse(`it calls ${name}()`)
    if (this.#fullText.size === 0 || !SHOWS_FULL_TEXT.has(foldName(name))) return SQLITE_OK
    return this.#refuse(`it calls ${name}(), which would show what is in masked columns`)
  }

  #refuse(why: string): number {
    this.refusal ??= why
    return SQLITE_DENY
  }
}

/** One that cannot be opened says so to whoever reads it. */
function openVirtual(connection: DatabaseSync, table: string): void {
  try {
    connection.prepare(`SELECT 1 FROM ${quoteName(table)} LIMIT 0`).all()
  } catch {
    // It says why where it is read.
  }
}
