import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { sampleColumns } from '../../src/sqlite/sample-columns.ts'

test('a sample has the first rows, the last ones and some between', () => {
  const connection = filled('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)', 100_000)
  const [values = []] = sampleColumns(connection, 't', ['a'])
  expect(values).toHaveLength(500)
  const rows = values.map(value => Number(String(value).slice(1)))
  expect([rows.includes(1), rows.includes(100_000), rows.some(row => row > 45_000 && row < 55_000)]).toEqual([
    true,
    true,
    true,
  ])
})

test('values that are seldom there are found', () => {
  const connection = filled('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, token TEXT)', 5000)
  connection.exec("UPDATE t SET token = 'x' WHERE id = 3333")
  expect(sampleColumns(connection, 't', ['a', 'token'])[1]).toEqual(['x'])
})

test('values that are seldom there are found behind an index, too, which has all NULLs first', () => {
  const connection = filled('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, note TEXT)', 40_000)
  connection.exec("CREATE INDEX i ON t (note); UPDATE t SET note = 'x' WHERE id = 3333")
  expect(sampleColumns(connection, 't', ['a', 'note'])[1]).toEqual(['x'])
})

test('every class of value comes as it is, cut to what judging needs', () => {
  const connection = database('CREATE TABLE t (a)')
  const insert = connection.prepare('INSERT INTO t VALUES (?)')
  for (const value of [2n ** 62n, 1.5, null, 'x'.repeat(100_000), new Uint8Array(20_000)]) insert.run(value)
  const [[integer, real, text, blob] = []] = sampleColumns(connection, 't', ['a'])
  expect([integer, real, String(text).length, blob instanceof Uint8Array && blob.length]).toEqual([
    2n ** 62n,
    1.5,
    16_384,
    16_384,
  ])
})

test.each([
  ['WITHOUT ROWID', 'CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID', 'a'],
  ['whose columns take all names of the rowid', 'CREATE TABLE t (rowid, _rowid_, oid, a)', 'a'],
  ['with hostile names', 'CREATE TABLE t ("a""; DROP TABLE t; --" TEXT)', 'a"; DROP TABLE t; --'],
])('a table %s is sampled too', (_, sql, column) => {
  const connection = database(sql)
  const name = `"${column.replaceAll('"', '""')}"`
  connection.exec(`INSERT INTO t (${name}) VALUES ('v')`)
  expect(sampleColumns(connection, 't', [column])).toEqual([['v']])
})

test('a column that cannot be read has no values, and the others have theirs', () => {
  const connection = database("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('no json')")
  connection.exec("ALTER TABLE t ADD COLUMN b AS (json_extract(a, '$.x'))")
  expect(sampleColumns(connection, 't', ['a', 'b'])).toEqual([['no json'], []])
  expect(sampleColumns(connection, 't', [])).toEqual([])
})

function filled(sql: string, rows: number): DatabaseSync {
  const connection = database(sql)
  connection.exec(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) INSERT INTO t (id, a) SELECT i, 'v' || i FROM n`,
  )
  return connection
}

function database(sql: string): DatabaseSync {
  const connection = new DatabaseSync(':memory:')
  onTestFinished(() => connection.close())
  connection.exec(sql)
  return connection
}
