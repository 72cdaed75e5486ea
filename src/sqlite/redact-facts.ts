/** What redacting has to know of a table's constraints, as SQLite itself has understood them. */
import type { DatabaseSync } from 'node:sqlite'
import { foldName } from '../export/redact/parse-redaction.ts'
import { quoteName } from './sql.ts'

export interface ColumnFacts {
  readonly name: string
  readonly notNull: boolean
  /** Place in the PRIMARY KEY, from 1; 0 outside of it. */
  readonly pk: number
  readonly isGenerated: boolean
  /** Member of a unique index or constraint that has no expression. */
  readonly isUnique: boolean
  /** By SQLite's rules of affinity, whether digits in text would become a number. */
  readonly isNumeric: boolean
  /** Collation of a unique index on it other than BINARY, upper case; by it a child's value finds its parent's. */
  readonly collation: string | null
}

interface IndexFacts {
  readonly name: string
  readonly hasExpression: boolean
}

interface ForeignKey {
  readonly from: readonly string[]
  readonly parent: string
  /** Null names the parent's PRIMARY KEY. */
  readonly to: readonly (string | null)[]
}

export interface TableFacts {
  readonly name: string
  readonly columns: readonly ColumnFacts[]
  readonly indexes: readonly IndexFacts[]
  readonly foreignKeys: readonly ForeignKey[]
}

export function tableFacts(connection: DatabaseSync, table: string): TableFacts {
  const unique = new Map<string, string | null>()
  const indexes = pragma(connection, 'index_list', table).map((index): IndexFacts => {
    const name = String(index['name'])
    const keys = pragma(connection, 'index_xinfo', name).filter(row => row['key'] === 1)
    const hasExpression = keys.some(row => row['cid'] === -2)
    if (index['unique'] === 1 && !hasExpression) for (const key of keys) noteUnique(unique, key)
    return { name, hasExpression }
  })
  const columns = pragma(connection, 'table_xinfo', table).map((row): ColumnFacts => {
    const name = String(row['name'])
    return {
      name,
      notNull: row['notnull'] === 1,
      pk: Number(row['pk']),
      isGenerated: row['hidden'] === 2 || row['hidden'] === 3,
      isUnique: unique.has(foldName(name)),
      isNumeric: isNumericType(String(row['type'])),
      collation: unique.get(foldName(name)) ?? null,
    }
  })
  return { name: table, columns, indexes, foreignKeys: foreignKeys(connection, table) }
}

function noteUnique(unique: Map<string, string | null>, key: Record<string, unknown>): void {
  const name = foldName(String(key['name']))
  const collation = String(key['coll']).toUpperCase()
  unique.set(name, collation === 'BINARY' ? (unique.get(name) ?? null) : collation)
}

function foreignKeys(connection: DatabaseSync, table: string): ForeignKey[] {
  const rows = pragma(connection, 'foreign_key_list', table)
  return [...Map.groupBy(rows, row => Number(row['id'])).values()].map((parts): ForeignKey => ({
    from: parts.map(part => String(part['from'])),
    parent: String(parts[0]?.['table']),
    to: parts.map(part => (typeof part['to'] === 'string' ? part['to'] : null)),
  }))
}

/** Source: sqlite.org/datatype3.html, 3.1. A column without a type has no affinity. */
function isNumericType(type: string): boolean {
  if (/int/i.test(type)) return true
  return type !== '' && !/char|clob|text|blob/i.test(type)
}

function pragma(connection: DatabaseSync, name: string, argument: string): Record<string, unknown>[] {
  return connection.prepare(`PRAGMA ${name}(${quoteName(argument)})`).all()
}
