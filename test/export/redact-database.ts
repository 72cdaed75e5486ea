/** Little databases, redacted and loaded anew as an import would. */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { expect, onTestFinished } from 'vitest'
import type { RedactionWay, SchemaObject, TableKind } from '../../src/export/model.ts'
import type { RedactionPlan, WantedRedaction } from '../../src/export/redact/plan.ts'
import { planRedactions, type RedactionOptions } from '../../src/sqlite/redaction.ts'
import { quoteName } from '../../src/sqlite/sql.ts'

export const OPTIONS: RedactionOptions = {
  key: new TextEncoder().encode('a key of thirty-two bytes in all'),
  words: [],
}
/** Stands in every value that must not be seen again. */
export const SECRET = 'hunter2'

export type Wishes = Readonly<Record<string, Readonly<Record<string, RedactionWay>>>>

export function database(sql: string): DatabaseSync {
  const connection = new DatabaseSync(':memory:')
  onTestFinished(() => {
    if (connection.isOpen) connection.close()
  })
  connection.exec(sql)
  return connection
}

export function insert(
  connection: DatabaseSync,
  table: string,
  columns: string[],
  rows: SQLInputValue[][],
): void {
  const statement = connection.prepare(
    `INSERT INTO ${quoteName(table)} (${columns.map(quoteName).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  )
  for (const row of rows) statement.run(...row)
}

export function objectsOf(connection: DatabaseSync): SchemaObject[] {
  return connection
    .prepare("SELECT type, name, tbl_name AS 'table', sql FROM sqlite_schema WHERE sql IS NOT NULL")
    .all() as unknown as SchemaObject[]
}

export function tablesOf(
  connection: DatabaseSync,
): { name: string; kind: TableKind; columns: { name: string }[] }[] {
  return connection
    .prepare(
      "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type <> 'view' AND name NOT LIKE 'sqlite_%'",
    )
    .all()
    .map(({ name, type }) => ({
      name: String(name),
      kind: type === 'virtual' || type === 'shadow' ? type : 'ordinary',
      columns: connection.prepare('SELECT name FROM pragma_table_xinfo(?)').all(String(name)) as {
        name: string
      }[],
    }))
}

export function wanted(wishes: Wishes): Map<string, Map<string, WantedRedaction>> {
  return new Map(
    Object.entries(wishes).map(([table, columns]) => [
      table,
      new Map(Object.entries(columns).map(([column, how]) => [column, { how, isExplicit: true }])),
    ]),
  )
}

export function planOf(source: DatabaseSync, wishes: Wishes): Promise<RedactionPlan> {
  return planRedactions(
    source,
    { objects: objectsOf(source), tables: tablesOf(source) },
    wanted(wishes),
    OPTIONS,
  )
}

/** Plans, loads schema and rows into a fresh database as an import would, and looks for the secret in all of its bytes. */
export async function redact(
  source: DatabaseSync,
  wishes: Wishes,
): Promise<{ plan: RedactionPlan; result: DatabaseSync }> {
  const plan = await planOf(source, wishes)
  const result = database('PRAGMA foreign_keys = OFF')
  const gone = new Set(plan.leftOut.map(({ name }) => name))
  const shadows = new Set(
    tablesOf(source)
      .filter(({ kind }) => kind === 'shadow')
      .map(({ name }) => name),
  )
  const inOrder = ['table', 'index', 'view', 'trigger'].flatMap(type =>
    plan.objects.filter(object => object.type === type),
  )
  for (const { type, name, sql } of inOrder.filter(({ type: of }) => of === 'table')) {
    expect(type).toBe('table')
    if (!shadows.has(name)) result.exec(sql)
  }
  for (const { name, kind, columns } of tablesOf(source)) {
    if (kind !== 'ordinary' || gone.has(name)) continue
    const stored = source
      .prepare('SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0')
      .all(name)
      .map(row => String(row['name']))
    const parts = stored.flatMap(column => {
      const redaction = plan.columns.get(name)?.get(column)
      const expression = redaction === undefined ? quoteName(column) : redaction.expression
      return expression === null ? [] : [{ column, expression }]
    })
    expect(columns.length).toBeGreaterThan(0)
    const select = source.prepare(
      `SELECT ${parts.map(({ expression }) => expression).join(', ')} FROM ${quoteName(name)}`,
    )
    select.setReadBigInts(true)
    select.setReturnArrays(true)
    const rows = select.all() as unknown as SQLInputValue[][]
    insert(
      result,
      name,
      parts.map(({ column }) => column),
      rows,
    )
  }
  for (const { type, sql } of inOrder) if (type !== 'table') result.exec(sql)
  expect(result.prepare('PRAGMA foreign_key_check').all()).toEqual([])
  expect(result.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
  expect(Buffer.from(result.serialize()).toString('latin1').toLowerCase().includes(SECRET)).toBe(false)
  return { plan, result }
}
