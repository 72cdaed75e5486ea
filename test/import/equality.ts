/** Whether two databases are the same to every query: schema, settings, and each row's values, classes and rowid. */
import type { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { withCopy } from '../support/intact.ts'

const SETTINGS = [
  'page_size',
  'encoding',
  'auto_vacuum',
  'user_version',
  'application_id',
  'journal_mode',
] as const
const ROWID_NAMES = ['rowid', '_rowid_', 'oid'] as const

/** Reads copies, so that looking leaves no side files; virtual tables are compared by their shadow tables. */
export function expectEqualDatabases(a: string, b: string): void {
  const [first, second] = [a, b].map(path => withCopy(path, describe))
  expect(second?.settings).toEqual(first?.settings)
  expect(second?.schema).toEqual(first?.schema)
  expect([...(second?.tables.keys() ?? [])]).toEqual([...(first?.tables.keys() ?? [])])
  for (const [table, rows] of first?.tables ?? []) expect(second?.tables.get(table), table).toEqual(rows)
}

interface Described {
  readonly settings: Record<string, unknown>
  readonly schema: readonly unknown[]
  readonly tables: ReadonlyMap<string, readonly unknown[]>
}

function describe(connection: DatabaseSync): Described {
  const settings = Object.fromEntries(
    SETTINGS.map(name => [name, Object.values(connection.prepare(`PRAGMA ${name}`).get() ?? {})[0]]),
  )
  // A rollback mode other than `delete` is one of the connection, not of the file.
  if (settings['journal_mode'] !== 'wal') settings['journal_mode'] = 'delete'
  const objects = connection
    .prepare('SELECT type, name, tbl_name, sql, rootpage FROM sqlite_schema ORDER BY type, name')
    .all()
  const names = objects
    .filter(({ type, rootpage }) => type === 'table' && rootpage !== 0)
    .map(({ name }) => String(name))
  return {
    settings,
    schema: objects.map(({ type, name, tbl_name: table, sql }) => ({ type, name, table, sql })),
    tables: new Map(names.map(name => [name, rowsOf(connection, name)])),
  }
}

function rowsOf(connection: DatabaseSync, table: string): unknown[] {
  const name = quote(table)
  const columns = connection
    .prepare(`PRAGMA table_xinfo(${name})`)
    .all()
    .map(column => String(column['name']))
  const taken = new Set(columns.map(column => column.toLowerCase()))
  const rowid = ROWID_NAMES.find(candidate => !taken.has(candidate) && hasColumn(connection, name, candidate))
  const values = columns.map(quote).map(column => `concat(typeof(${column}), ' ', ${shown(column)})`)
  const picked = [...(rowid === undefined ? [] : [`concat('rowid ', ${rowid})`]), ...values]
  const all = picked.length <= 100 ? picked : picked.slice(0, 2000)
  return connection
    .prepare(`SELECT ${all.map((sql, index) => `${sql} AS c${index}`).join()} FROM ${name}`)
    .all()
    .map(row => Object.values(row).join('\n'))
    .toSorted()
}

/** Every bit of a value as text; a REAL with the digits that tell it from all others. */
function shown(column: string): string {
  return `CASE typeof(${column}) WHEN 'text' THEN hex(CAST(${column} AS BLOB)) WHEN 'blob' THEN hex(${column})
    WHEN 'real' THEN format('%!.17g', ${column}) ELSE ${column} END`
}

function hasColumn(connection: DatabaseSync, table: string, column: string): boolean {
  try {
    connection.prepare(`SELECT ${column} FROM ${table}`)
    return true
  } catch {
    return false
  }
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
