/** What two databases have in common, and what not: tables, columns, keys, and the statements of all else. */
import type { DatabaseSync } from 'node:sqlite'
import { foldName } from '../export/redact/parse-redaction.ts'
import type { SchemaObject } from '../export/model.ts'
import type { ComparedObject, ComparedTable, RowMatching } from '../look/compared.ts'
import type { SchemaDescription, TableDescription } from './describe-tables.ts'
import { quoteName } from './sql.ts'

/** Names of the two databases on one connection; the live one has to be its main one. */
export type Side = 'from' | 'to'
export const SCHEMAS: Readonly<Record<Side, string>> = { from: 'main', to: 'other' }

/** Of one side, read before the other was there. */
export interface SideTable extends TableDescription {
  /** Columns with values of their own, as the schema spells them. */
  readonly stored: readonly string[]
}

/** The tables of one side by their folded names, but for virtual ones: their rows are those of their shadow tables. */
export function sideTables({ tables }: SchemaDescription): ReadonlyMap<string, SideTable> {
  const withRows = tables.filter(({ kind }) => kind !== 'virtual')
  return new Map(
    withRows.map(table => {
      const stored = table.columns.filter(({ isGenerated }) => !isGenerated).map(({ name }) => name)
      return [foldName(table.name), { ...table, stored }]
    }),
  )
}

/** A table of one side, as SQL names it. */
export function tableOn(side: Side, name: string): string {
  return `${SCHEMAS[side]}.${quoteName(name)}`
}

/** Name of the index that holds the primary key; null where that is the rowid, or there is none. */
function keyIndex(connection: DatabaseSync, side: Side, table: string): string | null {
  const row = pragma(connection, side, 'index_list', table).find(each => each['origin'] === 'pk')
  return row === undefined ? null : String(row['name'])
}

function pragma(
  connection: DatabaseSync,
  side: Side,
  name: string,
  argument: string,
): Record<string, unknown>[] {
  return connection.prepare(`PRAGMA ${SCHEMAS[side]}.${name}(${quoteName(argument)})`).all()
}

/** How the rows of a table are matched. */
export interface Matching {
  readonly by: RowMatching
  /** Names of the key's columns on either side, in its order; empty where whole rows are matched. */
  readonly keys: readonly MatchedKey[]
}

interface MatchedKey {
  readonly from: string
  readonly to: string
  /** Of the key, which may be another than that of the column; empty for the rowid. */
  readonly collation: string
}

const WHOLE_ROW: Matching = { by: 'whole row', keys: [] }

/** The first way that tells every row from all others on both sides. */
export function matchRows(connection: DatabaseSync, from: SideTable, to: SideTable): Matching {
  const byKey = matchByKey(connection, from, to)
  if (byKey !== null) return byKey
  if (from.rowid !== null && to.rowid !== null)
    return { by: 'rowid', keys: [{ from: from.rowid, to: to.rowid, collation: '' }] }
  return WHOLE_ROW
}

interface KeyColumn {
  readonly name: string
  /** Upper case; empty for the rowid. */
  readonly collation: string
  /** Values of columns that are declared otherwise could be equal without being the same. */
  readonly declaredType: string
}

function matchByKey(connection: DatabaseSync, from: SideTable, to: SideTable): Matching | null {
  const [one, other] = [keyOf(connection, 'from', from), keyOf(connection, 'to', to)]
  if (one === null || other === null || one.length !== other.length) return null
  const isSame = one.every(
    ({ name, collation, declaredType }, i) =>
      foldName(name) === foldName(other[i]?.name ?? '') &&
      collation === other[i]?.collation &&
      declaredType === other[i]?.declaredType,
  )
  if (!isSame) return null
  const hasNull = hasNullInKey(connection, 'from', from) || hasNullInKey(connection, 'to', to)
  // NULLs in a primary key are all different, which is an old mistake of SQLite's.
  if (hasNull || !areCollationsKnown(connection, from, one)) return null
  return {
    by: 'primary key',
    keys: one.map(({ name, collation }, i) => ({ from: name, to: other[i]?.name ?? name, collation })),
  }
}

function keyOf(connection: DatabaseSync, side: Side, table: SideTable): readonly KeyColumn[] | null {
  const columns = table.columns
    .filter(({ primaryKey }) => primaryKey > 0)
    .toSorted((a, b) => a.primaryKey - b.primaryKey)
  if (columns.length === 0) return null
  const typeOf = (column: string): string =>
    columns.find(({ name }) => foldName(name) === foldName(column))?.declaredType.toUpperCase() ?? ''
  if (table.isRowidColumn) return columns.map(({ name }) => ({ name, collation: '', declaredType: '' }))
  const index = keyIndex(connection, side, table.name)
  if (index === null) return null
  const parts = pragma(connection, side, 'index_xinfo', index).filter(row => row['key'] === 1)
  const keys = parts.map(row => {
    const name = String(row['name'])
    return { name, collation: String(row['coll']).toUpperCase(), declaredType: typeOf(name) }
  })
  // A column that a key names twice is in its index once.
  return keys.length === columns.length ? keys : null
}

function hasNullInKey(connection: DatabaseSync, side: Side, table: SideTable): boolean {
  // The key of a table WITHOUT ROWID has no NULL, and the rowid is none.
  if (table.rowid === null || table.isRowidColumn) return false
  const nullable = table.columns.filter(({ primaryKey, notNull }) => primaryKey > 0 && !notNull)
  return nullable.some(({ name }) => {
    const sql = `SELECT 1 FROM ${tableOn(side, table.name)} WHERE ${quoteName(name)} IS NULL LIMIT 1`
    return connection.prepare(sql).get() !== undefined
  })
}

/** One that only its application defines orders the key in a way that SQLite does not know here. */
function areCollationsKnown(
  connection: DatabaseSync,
  { name }: SideTable,
  keys: readonly KeyColumn[],
): boolean {
  try {
    const order = keys.map(key => quoteName(key.name) + collationSql(key.collation)).join(',')
    connection.prepare(`SELECT 1 FROM ${tableOn('from', name)} ORDER BY ${order}`)
    return true
  } catch {
    return false
  }
}

/** What stands behind a value that is compared in a collation. */
export function collationSql(collation: string): string {
  return collation === '' ? '' : ` COLLATE ${quoteName(collation)}`
}

/** What is different about the columns of a table that both have. */
export function compareColumns(from: SideTable, to: SideTable): ComparedTable['columns'] {
  const [before, after] = [byName(from), byName(to)]
  const names = (of: ReadonlyMap<string, unknown>, not: ReadonlyMap<string, unknown>): string[] =>
    [...of.keys()].filter(name => !not.has(name))
  const spelled = (table: SideTable, folded: readonly string[]): string[] =>
    table.columns.map(({ name }) => name).filter(name => folded.includes(foldName(name)))
  const changed = [...after].filter(([name, column]) => {
    const old = before.get(name)
    return old !== undefined && old !== column
  })
  return {
    added: spelled(to, names(after, before)),
    removed: spelled(from, names(before, after)),
    changed: spelled(
      to,
      changed.map(([name]) => name),
    ),
  }
}

function hasOtherColumns(from: SideTable, to: SideTable): boolean {
  const { added, removed, changed } = compareColumns(from, to)
  return added.length + removed.length + changed.length > 0
}

function byName({ columns }: SideTable): ReadonlyMap<string, string> {
  return new Map(columns.map(({ name, ...rest }) => [foldName(name), JSON.stringify(rest)]))
}

/**
 * Virtual tables, indexes, triggers and views that differ, and tables of both sides whose statements do in more than
 * their columns, in the order of their names.
 */
export function compareObjects(from: SchemaDescription, to: SchemaDescription): ComparedObject[] {
  const [before, after] = [objectsOf(from), objectsOf(to)]
  const [tables, others] = [sideTables(from), sideTables(to)]
  const differing = [...new Map([...before, ...after])].flatMap(([key, object]): ComparedObject[] => {
    const [old, now] = [before.get(key), after.get(key)]
    if (old?.sql === now?.sql && old?.table === now?.table) return []
    if (object.type === 'table') {
      // A table of one side only, and columns that differ, are told with its rows.
      const [one, other] = [tables.get(foldName(object.name)), others.get(foldName(object.name))]
      if (one === undefined || other === undefined || hasOtherColumns(one, other)) return []
    }
    const change = old === undefined ? 'added' : now === undefined ? 'removed' : 'changed'
    return [{ type: object.type, name: object.name, change }]
  })
  return differing.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function objectsOf({ objects, tables }: SchemaDescription): ReadonlyMap<string, ObjectOfSide> {
  const virtual = new Set(tables.filter(({ kind }) => kind === 'virtual').map(({ name }) => name))
  const compared = objects.map((object): ObjectOfSide => {
    const isVirtual = object.type === 'table' && virtual.has(object.name)
    return isVirtual ? { ...object, type: 'virtual table' } : object
  })
  return new Map(compared.map(object => [`${object.type} ${foldName(object.name)}`, object]))
}

type ObjectOfSide = Omit<SchemaObject, 'type'> & Pick<ComparedObject, 'type'>
