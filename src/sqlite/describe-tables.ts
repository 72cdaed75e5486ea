/** What the schema of a database says, as an export needs it. The schema may be hostile. */
import type { DatabaseSync } from 'node:sqlite'
import type { ExportSettings, SchemaObject, TableKind } from '../export/model.ts'
import { quoteName, single } from './sql.ts'
import { shadowNames } from './tables.ts'

interface ColumnDescription {
  readonly name: string
  /** As declared, such as "VARCHAR(20)"; empty without one. */
  readonly declaredType: string
  readonly notNull: boolean
  /** Place in the primary key, from 1; 0 outside it. */
  readonly primaryKey: number
  readonly isGenerated: boolean
}

export interface TableDescription {
  readonly name: string
  readonly kind: TableKind
  readonly columns: readonly ColumnDescription[]
  /** The name by which SQL knows the rowid; null where there is none, or columns take all names. */
  readonly rowid: string | null
  /** Whether the rowid is one of the columns. */
  readonly isRowidColumn: boolean
}

export interface SchemaDescription {
  readonly settings: ExportSettings
  readonly objects: readonly SchemaObject[]
  readonly tables: readonly TableDescription[]
  readonly sqliteVersion: string
}

/** In which order objects can be created: a view may be named by a trigger. */
const ORDER: Readonly<Record<SchemaObject['type'], number>> = { table: 0, index: 1, view: 2, trigger: 3 }
const ROWID_NAMES: readonly string[] = ['rowid', '_rowid_', 'oid']
/** Of SQLite itself, with rows that are worth keeping. `sqlite_stat4` is derived, and most builds cannot make it. */
const INTERNAL_TABLES: readonly string[] = ['sqlite_sequence', 'sqlite_stat1']

export interface SchemaRow extends SchemaObject {
  readonly isVirtual: boolean
}

export function describeSchema(connection: DatabaseSync): SchemaDescription {
  return {
    settings: readSettings(connection),
    ...describeRows(schemaRows(connection), ({ name }, kind) => describeTable(connection, name, kind)),
    sqliteVersion: String(single(connection, 'SELECT sqlite_version()')),
  }
}

/** Sorts out what the schema's rows are; tables of which `describe` makes nothing are not among the tables. */
export function describeRows(
  rows: readonly SchemaRow[],
  describe: (row: SchemaRow, kind: TableKind) => TableDescription | null,
): Pick<SchemaDescription, 'objects' | 'tables'> {
  const shadows = shadowNames(rows.filter(({ type, isVirtual }) => type === 'table' && isVirtual))
  const kindOf = ({ name, isVirtual }: SchemaRow): TableKind => {
    if (isVirtual) return 'virtual'
    if (isInternal(name)) return 'internal'
    return shadows.has(name.toLowerCase()) ? 'shadow' : 'ordinary'
  }
  return {
    objects: rows
      .filter(({ name }) => !isInternal(name))
      .map(({ type, name, table, sql }) => ({ type, name, table, sql }))
      .toSorted((a, b) => ORDER[a.type] - ORDER[b.type]),
    tables: rows
      .filter(({ type, name }) => type === 'table' && (!isInternal(name) || INTERNAL_TABLES.includes(name)))
      .map(row => describe(row, kindOf(row)))
      .filter(table => table !== null),
  }
}

/** Without the indexes that SQLite makes by itself, which have no SQL. In the order of creation; DESC can be added. */
export const SCHEMA_ROWS =
  "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE sql IS NOT NULL AND type IN ('table', 'index', 'view', 'trigger') ORDER BY rowid"

function schemaRows(connection: DatabaseSync): SchemaRow[] {
  return connection.prepare(SCHEMA_ROWS).all().map(schemaRow)
}

export function schemaRow(row: Readonly<Record<string, unknown>>): SchemaRow {
  return {
    type: row['type'] as SchemaObject['type'],
    name: String(row['name']),
    table: String(row['tbl_name']),
    sql: String(row['sql']),
    isVirtual: row['type'] === 'table' && (row['rootpage'] === 0 || row['rootpage'] === null),
  }
}

function isInternal(name: string): boolean {
  return /^sqlite_/i.test(name)
}

export function readSettings(connection: DatabaseSync): ExportSettings {
  const number = (pragma: string): number => Number(single(connection, `PRAGMA ${pragma}`))
  return {
    page_size: number('page_size'),
    encoding: single(connection, 'PRAGMA encoding') as ExportSettings['encoding'],
    auto_vacuum: number('auto_vacuum'),
    user_version: number('user_version'),
    application_id: number('application_id'),
    // An image that is opened as immutable is in no mode; whoever opened it knows what its header says.
    journal_mode: single(connection, 'PRAGMA journal_mode') === 'wal' ? 'wal' : 'delete',
  }
}

export function describeTable(connection: DatabaseSync, name: string, kind: TableKind): TableDescription {
  if (kind === 'virtual') return { name, kind, columns: [], rowid: null, isRowidColumn: false }
  const columns = connection
    .prepare(`PRAGMA table_xinfo(${quoteName(name)})`)
    .all()
    .map(row => ({
      name: String(row['name']),
      declaredType: String(row['type']),
      notNull: row['notnull'] === 1,
      primaryKey: Number(row['pk']),
      isGenerated: row['hidden'] === 2 || row['hidden'] === 3,
    }))
  const rowid = rowidName(connection, name, columns)
  const isRowidColumn = rowid !== null && hasPrimaryKey(columns) && !hasPrimaryKeyIndex(connection, name)
  return { name, kind, columns, rowid, isRowidColumn }
}

/** A table WITHOUT ROWID knows none of the names. */
function rowidName(
  connection: DatabaseSync,
  table: string,
  columns: readonly ColumnDescription[],
): string | null {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()))
  const free = ROWID_NAMES.find(name => !taken.has(name))
  if (free === undefined) return null
  try {
    connection.prepare(`SELECT ${free} FROM ${quoteName(table)}`)
    return free
  } catch {
    return null
  }
}

function hasPrimaryKey(columns: readonly ColumnDescription[]): boolean {
  return columns.some(({ primaryKey }) => primaryKey > 0)
}

/** A primary key without an index of its own is the rowid: sqlite.org/lang_createtable.html#rowid. */
function hasPrimaryKeyIndex(connection: DatabaseSync, table: string): boolean {
  const indexes = connection.prepare(`PRAGMA index_list(${quoteName(table)})`).all()
  return indexes.some(row => row['origin'] === 'pk')
}
