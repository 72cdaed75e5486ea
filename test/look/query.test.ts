import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Database } from '../../src/index.ts'
import { backedUp, failed, succeeded } from './place.ts'

const SCHEMA = `
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password TEXT);
  INSERT INTO users (name, password) VALUES ('Ada', 'SECRET-1'), ('Bob', 'SECRET-2');
  CREATE INDEX by_password ON users (password);
  CREATE VIEW people AS SELECT name, password FROM users;
  CREATE VIRTUAL TABLE notes USING fts5(title, password);
  INSERT INTO notes VALUES ('first', 'SECRET-3');
  CREATE VIRTUAL TABLE words USING fts5vocab(notes, 'row');
  CREATE TABLE old (id INTEGER PRIMARY KEY, password TEXT, size);
  CREATE VIEW passwords AS SELECT password FROM users FULL JOIN old USING (password);
  CREATE VIEW joined AS SELECT name, password FROM people FULL JOIN (SELECT NULL AS password) USING (password);
  CREATE VIEW sizes AS SELECT name, size FROM users FULL JOIN old USING (id);
`

async function query(product: Database, sql: string, more: object = {}): Promise<unknown[]> {
  return [...succeeded(await product.queryBackup('latest', { sql, ...more })).rows]
}

test('a statement that reads is run, with its limit of rows', async () => {
  using place = await backedUp(SCHEMA)
  expect(await query(place.product, 'SELECT name FROM users ORDER BY id DESC; -- done')).toEqual([
    ['Bob'],
    ['Ada'],
  ])
  expect(await query(place.product, 'VALUES (1, 2.0)')).toEqual([[1, { $real: '2.0' }]])
  expect(await query(place.product, "SELECT name FROM pragma_table_info('users')")).toHaveLength(3)
  const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n'
  const cut = succeeded(await place.product.queryBackup('latest', { sql: numbers, limit: 3 }))
  expect(cut).toMatchObject({ columns: ['i'], rows: [[1], [2], [3]], truncated: 'rows' })
  const explained = succeeded(await place.product.queryBackup('latest', { sql: 'EXPLAIN SELECT 1' }))
  expect(explained.columns).toContain('opcode')
})

test('sensitive columns read as NULL, whatever the statement makes of them, and the answer says so', async () => {
  using place = await backedUp(SCHEMA)
  for (const sql of [
    'SELECT password FROM users',
    'SELECT * FROM people',
    'SELECT hex(password) FROM users',
    'SELECT max(u.password) FROM users AS u',
    'SELECT json_group_array(password) FROM (SELECT password FROM people)',
    'SELECT password FROM notes',
    'WITH x AS (SELECT password AS p FROM users) SELECT p FROM x',
    'SELECT name, password FROM people FULL JOIN (SELECT NULL AS password) USING (password)',
    'SELECT * FROM people NATURAL FULL JOIN (SELECT NULL AS password)',
    'WITH x AS (SELECT password AS p FROM users) SELECT p FROM x FULL JOIN (SELECT NULL AS p) USING (p)',
    "SELECT name, password FROM people JOIN (SELECT 'SECRET-1' AS password) USING (password)",
    'SELECT * FROM joined',
  ]) {
    const queried = succeeded(await place.product.queryBackup('latest', { sql }))
    expect(JSON.stringify(queried.rows), sql).not.toMatch(/SECRET|5345435245/)
    expect(
      queried.masked.map(({ column }) => column),
      sql,
    ).toContain('password')
  }
  expect(await query(place.product, "SELECT name FROM users WHERE password LIKE 'SECRET%'")).toEqual([])
  expect(await query(place.product, 'SELECT password FROM users', { includeSensitive: true })).toEqual([
    ['SECRET-1'],
    ['SECRET-2'],
  ])
})

test('what would show masked columns in another way is refused, and run where they may be shown', async () => {
  using place = await backedUp(SCHEMA)
  for (const sql of [
    'SELECT * FROM notes_content',
    'SELECT * FROM notes_data',
    'SELECT * FROM words',
    "SELECT highlight(notes, 1, '[', ']') FROM notes WHERE notes MATCH 'first'",
    "SELECT title FROM notes WHERE notes MATCH 'secret'",
    "SELECT title FROM notes WHERE notes = 'secret'",
    "SELECT title FROM notes('secret')",
    'SELECT title FROM main."notes" /* of */ (\'secret\')',
    'SELECT id, password FROM users FULL JOIN (SELECT NULL AS password) USING (password)',
    'SELECT * FROM users NATURAL FULL JOIN (SELECT NULL AS password)',
    "SELECT id FROM users JOIN (SELECT 1 AS id, 'SECRET-1' AS password) USING (id, [PassWord])",
    "SELECT id FROM users NATURAL JOIN (SELECT 'SECRET-1' AS password)",
    'SELECT * FROM passwords',
  ]) {
    expect(failed(await place.product.queryBackup('latest', { sql })).code, sql).toBe('INVALID_ARGUMENT')
    succeeded(await place.product.queryBackup('latest', { sql, includeSensitive: true }))
  }
  for (const sql of ['SELECT * FROM sizes', 'SELECT name FROM users JOIN old USING (id)'])
    succeeded(await place.product.queryBackup('latest', { sql }))
  const view = { table: 'passwords' }
  expect(failed(await place.product.readRows('latest', view)).code).toBe('INVALID_ARGUMENT')
  succeeded(await place.product.readRows('latest', { ...view, includeSensitive: true }))
  const { tables } = succeeded(await place.product.lookInside('latest'))
  expect(tables.filter(({ readable }) => !readable).map(({ name }) => name)).toContain('passwords')
  const sql = 'SELECT * FROM dbstat'
  expect(failed(await place.product.queryBackup('latest', { sql })).code).toBe('INVALID_ARGUMENT')
})

test('whatever does more than read is refused, sensitive columns or not', async () => {
  using place = await backedUp(SCHEMA)
  const aside = join(place.directory, 'aside.db')
  for (const sql of [
    'DELETE FROM users',
    "INSERT INTO users (name) VALUES ('x')",
    'CREATE TABLE x (y)',
    'CREATE TEMP TABLE x AS SELECT 1',
    `ATTACH '${aside}' AS other`,
    `VACUUM INTO '${aside}'`,
    'PRAGMA writable_schema = ON',
    'PRAGMA journal_mode = DELETE',
    'PRAGMA user_version = 7',
    'BEGIN',
    'REINDEX',
    'ANALYZE',
    'EXPLAIN DELETE FROM users',
    "SELECT load_extension('x')",
    "SELECT fts3_tokenizer('simple')",
    'SELECT 1; DELETE FROM users',
    'SELECT 1; SELECT 2',
    '',
    '-- nothing',
    'no statement',
    'SELECT salary FROM users',
  ]) {
    for (const includeSensitive of [false, true]) {
      const refused = failed(await place.product.queryBackup('latest', { sql, includeSensitive }))
      expect(refused.code, sql).toBe('INVALID_ARGUMENT')
    }
  }
  expect(existsSync(aside)).toBe(false)
  expect(await query(place.product, 'SELECT count(*) FROM users')).toEqual([[2]])
})

test('what SQLite says of a wrong statement is in the message', async () => {
  using place = await backedUp(SCHEMA)
  const wrong = failed(await place.product.queryBackup('latest', { sql: 'SELECT salary FROM users' }))
  expect(wrong.message).toContain('no such column: salary')
  expect(failed(await place.product.queryBackup('latest', { sql: 'SELECT a\0b' })).code).toBe(
    'INVALID_ARGUMENT',
  )
  expect(
    failed(await place.product.queryBackup('latest', { sql: 'SELECT 1', timeLimitMs: 30_001 })).code,
  ).toBe('INVALID_ARGUMENT')
})

test('a statement without end is ended, and the next one is answered', async () => {
  using place = await backedUp(SCHEMA)
  const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)'
  const counting = await place.product.queryBackup('latest', {
    sql: `${endless} SELECT count(*) FROM n`,
    timeLimitMs: 300,
  })
  expect(failed(counting).code).toBe('QUERY_TIMED_OUT')
  expect(await query(place.product, 'SELECT 7')).toEqual([[7]])
})

test.runIf(process.platform === 'linux')('a statement that fills the memory is ended', async () => {
  using place = await backedUp(SCHEMA)
  const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)'
  const sql = `${endless} SELECT randomblob(10000000) AS b FROM n ORDER BY b`
  const filled = failed(await place.product.queryBackup('latest', { sql, timeLimitMs: 30_000 }))
  expect(filled).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('memory') })
  const large = failed(await place.product.queryBackup('latest', { sql: 'SELECT zeroblob(900000000)' }))
  expect(large).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('too big') })
})

test('an answer has an end in bytes, too', async () => {
  using place = await backedUp(SCHEMA)
  const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)'
  const columns = Array.from({ length: 20 }, () => "printf('%4000s', 'x')").join()
  const sql = `${numbers} SELECT ${columns} FROM n`
  const queried = succeeded(await place.product.queryBackup('latest', { sql, limit: 1_000 }))
  expect(queried.truncated).toBe('bytes')
  expect(JSON.stringify(queried.rows).length).toBeLessThan(9 << 20)
})

test('views that double and double are ended by time, and looking inside does not expand them', async () => {
  const views = Array.from(
    { length: 40 },
    (_, i) => `CREATE VIEW v${i + 1} AS SELECT * FROM v${i} UNION ALL SELECT * FROM v${i};`,
  )
  using place = await backedUp(`CREATE TABLE v0 (a); INSERT INTO v0 VALUES (1);${views.join('')}`)
  const looked = succeeded(await place.product.lookInside('latest'))
  expect(looked.tables).toHaveLength(41)
  const sql = 'SELECT * FROM v40'
  const queried = failed(await place.product.queryBackup('latest', { sql, timeLimitMs: 500 }))
  expect(['QUERY_TIMED_OUT', 'INVALID_ARGUMENT']).toContain(queried.code)
  expect(await query(place.product, 'SELECT * FROM v3')).toHaveLength(8)
})

test('a damaged backup is said to be damaged, not the statement', async () => {
  using place = await backedUp(SCHEMA)
  const [backup] = await place.product.listBackups()
  const { writeFileSync } = await import('node:fs')
  writeFileSync(backup?.path ?? '', Buffer.alloc(20_000, 'garbage '))
  for (const result of [
    await place.product.lookInside('latest'),
    await place.product.readRows('latest', { table: 'users' }),
    await place.product.queryBackup('latest', { sql: 'SELECT * FROM users' }),
    await place.product.compareBackups('latest'),
  ])
    expect(['BACKUP_DAMAGED', 'DATABASE_INVALID']).toContain(failed(result).code)
})
