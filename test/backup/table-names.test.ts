/** Tables that are called as JavaScript calls something of its own: their rows count like any others. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Database, RetentionPolicy } from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { protect, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const ROWS: readonly (readonly [table: string, rows: number])[] = [
  ['__proto__', 2],
  ['constructor', 1],
]
const SQL = `
  CREATE TABLE __proto__ (a); INSERT INTO __proto__ VALUES (1), (2);
  CREATE TABLE constructor (a); INSERT INTO constructor VALUES (1)`

function openNamed(): Database {
  const path = join(temporaryDirectory(), 'app.db')
  buildDatabase(path, SQL)
  return protect(path)
}

test('a table that is called __proto__ is counted wherever rows are told', async () => {
  const database = openNamed()
  const { metadata, backupPath } = succeeded(await database.createBackup())
  expect(Object.entries(metadata.tables ?? {})).toEqual(ROWS)
  const beside = readFileSync(`${backupPath.replace('/manual/', '/metadata/')}.json`, 'utf8')
  expect(beside).toContain('"__proto__": 2')

  // What rewrites the metadata keeps it.
  succeeded(await database.pinBackup('latest', { reason: 'a table of that name' }))
  const [listed] = await database.listBackups()
  expect(Object.entries(listed?.metadata?.tables ?? {})).toEqual(ROWS)

  const inside = succeeded(await database.lookInside('latest'))
  expect(inside.tables.map(({ name, rows }) => [name, rows])).toEqual(ROWS)
  const info = succeeded(await database.info())
  expect(info.database?.tables.map(({ name, rows }) => [name, rows])).toEqual(ROWS)
  const compared = succeeded(await database.compareBackups('latest'))
  expect(compared.tables.map(({ name, unchanged }) => [name, unchanged])).toEqual(ROWS)
  const drilled = succeeded(await database.drillBackup())
  expect(drilled.rowCounts).toEqual(ROWS.map(([table, rows]) => ({ table, recorded: rows, found: rows })))
})

test('a condition on a table that is called __proto__ chooses among its rows', async () => {
  const where = JSON.parse('{"__proto__":"a > 1"}') as Record<string, string>
  const exported = succeeded(await openNamed().exportData({ where }))
  expect(Object.entries(exported.tables)).toEqual([['__proto__', 1], ...ROWS.slice(1)])
})

test('what names columns or types of backups, none of which can be called that, is refused with it', async () => {
  const database = openNamed()
  const redact = JSON.parse('{"__proto__.a":"hash","__proto__":"hash"}') as Record<string, 'hash'>
  const policy = JSON.parse('{"daily":{"keepLast":1},"__proto__":{"keepLast":1}}') as RetentionPolicy
  const refused = { success: false, code: 'INVALID_ARGUMENT', message: expect.stringContaining('__proto__') }
  expect(await database.exportData({ redact })).toMatchObject(refused)
  expect(await database.cleanupOldBackups({ policy, dryRun: true })).toMatchObject(refused)
})
