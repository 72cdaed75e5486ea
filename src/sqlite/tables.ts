/** The tables of a database. Their schema may be hostile. */
import type { DatabaseSync } from 'node:sqlite'
import { quoteName, single } from './sql.ts'

/** The shadow tables of the modules in this SQLite. Source: their xShadowName methods. */
const SHADOW_SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  fts3: ['content', 'segdir', 'segments'],
  fts4: ['content', 'docsize', 'segdir', 'segments', 'stat'],
  fts5: ['config', 'content', 'data', 'docsize', 'idx'],
  rtree: ['node', 'parent', 'rowid'],
  rtree_i32: ['node', 'parent', 'rowid'],
  geopoly: ['node', 'parent', 'rowid'],
}

/**
 * Ordinary tables, in the order of their names; the shadow tables of virtual ones, and virtual ones
 * themselves, hold derived data.
 *
 * Not from `pragma_table_list`: it expands every view, and a few dozen that each name another twice keep it
 * busy for ever.
 */
export function tableNames(connection: DatabaseSync): string[] {
  const tables = connection
    .prepare("SELECT name, rootpage, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map(row => ({ name: String(row['name']), isVirtual: row['rootpage'] === 0, sql: String(row['sql']) }))
  const shadows = shadowNames(tables.filter(({ isVirtual }) => isVirtual))
  return tables
    .filter(
      ({ name, isVirtual }) => !isVirtual && !/^sqlite_/i.test(name) && !shadows.has(name.toLowerCase()),
    )
    .map(({ name }) => name)
}

/** Null for a table that SQLite cannot prepare a query on, because its application defines a function that is unknown here. */
export function countRows(connection: DatabaseSync, table: string): number | null {
  try {
    return Number(single(connection, `SELECT count(*) FROM ${quoteName(table)}`))
  } catch {
    return null
  }
}

/** The names, in lower case, of the tables in which virtual ones keep their data. */
export function shadowNames(
  virtual: readonly { readonly name: string; readonly sql: string }[],
): ReadonlySet<string> {
  return new Set(virtual.flatMap(shadowsOf))
}

/** Of a full-text table whose content is elsewhere, or nowhere: then a table that is called so is no part of it. */
const HAS_CONTENT = /[(,]\s*content\s*=/i
/** FTS5 makes one after all for the columns of such a table that are not indexed. */
const HAS_UNINDEXED = /[(,]\s*contentless_unindexed\s*=/i

function shadowsOf({ name, sql }: { readonly name: string; readonly sql: string }): string[] {
  // Quoted names may hold anything, the word itself too.
  const words = sql.match(/"(?:[^"]|"")*"|'(?:[^']|'')*'|`(?:[^`]|``)*`|\[[^\]]*\]|\w+/g) ?? []
  const using = words.findIndex(word => word.toLowerCase() === 'using')
  const module = (words[using + 1] ?? '').replaceAll(/\W/g, '').toLowerCase()
  const suffixes = Object.hasOwn(SHADOW_SUFFIXES, module) ? SHADOW_SUFFIXES[module] : undefined
  const isElsewhere = HAS_CONTENT.test(sql) && !HAS_UNINDEXED.test(sql)
  return (suffixes ?? [])
    .filter(suffix => suffix !== 'content' || !isElsewhere)
    .map(suffix => `${name}_${suffix}`.toLowerCase())
}
