import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { treeOf } from '../restore/scene.ts'
import { backedUp, failed, succeeded } from './place.ts'

const SCHEMA = `
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, password_hash TEXT,
    folded TEXT GENERATED ALWAYS AS (lower(password_hash)) VIRTUAL);
  CREATE UNIQUE INDEX by_name ON users (name);
  CREATE TRIGGER no_delete BEFORE DELETE ON Users BEGIN SELECT raise(ABORT, 'no'); END;
  CREATE VIEW people AS SELECT name, password_hash FROM users;
  INSERT INTO users (name, password_hash) VALUES ('Ada', 'SECRET-1'), ('Bob', 'SECRET-2'), ('Eve', NULL);
  CREATE VIRTUAL TABLE notes USING fts5(title, password);
  INSERT INTO notes VALUES ('first', 'SECRET-3');
`

test('looking inside a backup tells its tables, columns, rows, indexes and triggers', async () => {
  using place = await backedUp(SCHEMA)
  const looked = succeeded(await place.product.lookInside('latest'))
  expect(looked.settings).toMatchObject({ encoding: 'UTF-8', page_size: 4096, journal_mode: 'wal' })
  const users = looked.tables.find(({ name }) => name === 'users')
  expect(users).toMatchObject({ kind: 'table', rows: 3, triggers: ['no_delete'], readable: true })
  expect(users?.indexes).toEqual([
    { name: 'by_name', unique: true, columns: ['name'], sql: 'CREATE UNIQUE INDEX by_name ON users (name)' },
  ])
  expect(
    users?.columns?.map(({ name, primaryKey, notNull, generated }) => [name, primaryKey, notNull, generated]),
  ).toEqual([
    ['id', 1, false, false],
    ['name', 0, true, false],
    ['password_hash', 0, false, false],
    ['folded', 0, false, true],
  ])
  expect(users?.columns?.map(({ sensitive }) => sensitive !== null)).toEqual([false, false, true, true])
  expect(looked.tables.map(({ name, kind }) => [name, kind])).toContainEqual(['people', 'view'])
  expect(looked.tables.find(({ name }) => name === 'notes_content')).toMatchObject({
    kind: 'shadow',
    readable: false,
  })
})

test('looking, reading, querying and comparing write nothing and leave no file beside the backup', async () => {
  using place = await backedUp(SCHEMA)
  const before = treeOf(place.backupDir, { withTimes: true })
  succeeded(await place.product.lookInside('latest'))
  succeeded(await place.product.readRows('latest', { table: 'users' }))
  succeeded(await place.product.queryBackup('latest', { sql: 'SELECT 1' }))
  succeeded(await place.product.compareBackups('latest', { with: 'latest' }))
  expect(treeOf(place.backupDir, { withTimes: true })).toEqual(before)
})

test('rows come in pages, in the order of the key or of a column, with all there are', async () => {
  using place = await backedUp(`
    CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
    INSERT INTO t SELECT i, 'word ' || (i % 7) FROM n;
  `)
  const seen: unknown[] = []
  for (let offset = 0, hasMore = true; hasMore;) {
    const page = succeeded(await place.product.readRows('latest', { table: 'T', limit: 50, offset }))
    expect(page).toMatchObject({ table: 't', columns: ['id', 'word'], total: 120 })
    seen.push(...page.rows.map(([id]) => id))
    offset += page.rows.length
    hasMore = page.hasMore
  }
  expect(seen).toEqual(Array.from({ length: 120 }, (_, i) => i + 1))
  const last = succeeded(
    await place.product.readRows('latest', { table: 't', orderBy: 'word', descending: true, limit: 1 }),
  )
  expect(last.rows).toEqual([[118, 'word 6']])
})

test('a search finds text literally, in any column but blobs', async () => {
  using place = await backedUp(`
    CREATE TABLE t (a TEXT, b);
    INSERT INTO t VALUES ('100%', 1), ('100x', 2), ('under_score', 3), ('underXscore', 4), ('n', 512),
      ('blob', CAST('100%' AS BLOB)), ('back\\slash', 5);
  `)
  const search = async (text: string): Promise<unknown[]> =>
    succeeded(await place.product.readRows('latest', { table: 't', search: text })).rows.map(([a]) => a)
  expect(await search('0%')).toEqual(['100%'])
  expect(await search('R_S')).toEqual(['under_score'])
  expect(await search('512')).toEqual(['n'])
  expect(await search('k\\s')).toEqual(['back\\slash'])
  expect(await search("' OR 1=1 --")).toEqual([])
})

test('every value becomes a cell that JSON keeps', async () => {
  const long = 'é'.repeat(5_000)
  using place = await backedUp(`
    CREATE TABLE v (value);
    INSERT INTO v VALUES (NULL), (1), (1.5), (2.0), (1e300), (9e999), (-9e999), (9007199254740993), ('text'), (''),
      ('a' || char(0) || 'b'), (CAST(x'ff00' AS TEXT)), (x'000102'), (zeroblob(100000)), ('${long}');
  `)
  const { rows } = succeeded(await place.product.readRows('latest', { table: 'v' }))
  const cells = rows.map(([cell]) => cell)
  expect(JSON.parse(JSON.stringify(cells))).toEqual(cells)
  expect(cells).toEqual([
    null,
    1,
    1.5,
    { $real: '2.0' },
    { $real: '1e+300' },
    { $real: 'Infinity' },
    { $real: '-Infinity' },
    { $integer: '9007199254740993' },
    'text',
    '',
    'a\0b',
    { $text: '/wA=', bytes: 2, base64: true },
    { $blob: 'AAEC', bytes: 3 },
    { $blob: Buffer.alloc(64).toString('base64'), bytes: 100_000 },
    { $text: 'é'.repeat(2_048), bytes: 10_000 },
  ])
})

test('texts of a database in UTF-16 are shown as they are', async () => {
  for (const encoding of ['UTF-16le', 'UTF-16be'] as const) {
    using place = await backedUp(
      `CREATE TABLE v (value); INSERT INTO v VALUES ('grüße 🌍'), ('${'🌍'.repeat(2_000)}')`,
      { encoding },
    )
    const { rows } = succeeded(await place.product.readRows('latest', { table: 'v' }))
    expect(rows).toEqual([['grüße 🌍'], [{ $text: '🌍'.repeat(1_024), bytes: 8_000 }]])
  }
})

test('a table of two thousand columns is read like any other', async () => {
  const columns = Array.from({ length: 2_000 }, (_, i) => `c${i}`)
  using place = await backedUp(
    `CREATE TABLE wide (${columns.join()}); INSERT INTO wide (c1999) VALUES ('here')`,
  )
  const read = succeeded(await place.product.readRows('latest', { table: 'wide', search: 'HERE' }))
  expect(read.rows[0]?.at(-1)).toBe('here')
  place.app.exec("UPDATE wide SET c1000 = 'changed'")
  const { rows } = succeeded(await place.product.compareBackups('latest', { table: 'wide' }))
  expect(rows?.rows).toMatchObject([{ change: 'changed', changedColumns: ['c1000'] }])
})

test('sensitive columns are masked in tables, views and full-text tables, and shown only on request', async () => {
  using place = await backedUp(SCHEMA)
  for (const table of ['users', 'people', 'notes']) {
    const masked = succeeded(await place.product.readRows('latest', { table }))
    expect(JSON.stringify(masked.rows)).not.toContain('SECRET')
    expect(masked.masked.length).toBeGreaterThan(0)
    const shown = succeeded(await place.product.readRows('latest', { table, includeSensitive: true }))
    expect(JSON.stringify(shown.rows)).toContain('SECRET')
    expect(shown.masked).toEqual([])
  }
  const { rows } = succeeded(await place.product.readRows('latest', { table: 'users' }))
  expect(rows[0]?.slice(2)).toEqual([{ $masked: true }, { $masked: true }])
  expect(rows[2]?.slice(2)).toEqual([null, null])
})

test('the counter of a masked key, which is its greatest value, is masked, and that of others is not', async () => {
  const counted = 'CREATE TABLE other (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO other VALUES (7);'
  using place = await backedUp(
    `CREATE TABLE cards (card_number INTEGER PRIMARY KEY AUTOINCREMENT, name); INSERT INTO cards VALUES (4111111111111111, 'x'); ${counted}`,
  )
  const request = { table: 'sqlite_sequence' }
  const { rows, masked } = succeeded(await place.product.readRows('latest', request))
  expect(rows).toEqual([
    ['cards', { $masked: true }],
    ['other', { $masked: true }],
  ])
  expect(masked).toMatchObject([{ table: 'sqlite_sequence', column: 'seq' }])
  const sql = 'SELECT seq FROM sqlite_sequence'
  expect(succeeded(await place.product.queryBackup('latest', { sql })).rows).toEqual([[null], [null]])
  using plain = await backedUp(`CREATE TABLE pins (pin INTEGER PRIMARY KEY); ${counted}`)
  expect(succeeded(await plain.product.readRows('latest', request)).rows).toEqual([['other', 7]])
})

test('neither a search nor an order tells what is masked', async () => {
  using place = await backedUp(SCHEMA)
  const { rows } = succeeded(await place.product.readRows('latest', { table: 'users', search: 'SECRET-1' }))
  expect(rows).toEqual([])
  const order = failed(await place.product.readRows('latest', { table: 'users', orderBy: 'password_hash' }))
  expect(order.code).toBe('INVALID_ARGUMENT')
  const shadow = failed(await place.product.readRows('latest', { table: 'notes_content' }))
  expect(shadow.code).toBe('INVALID_ARGUMENT')
})

test('what is not there is an invalid argument that says what there is', async () => {
  using place = await backedUp(SCHEMA)
  const table = failed(await place.product.readRows('latest', { table: 'nowhere' }))
  expect(table).toMatchObject({ code: 'INVALID_ARGUMENT', hint: expect.stringContaining('users') })
  const column = failed(await place.product.readRows('latest', { table: 'users', orderBy: 'nothing' }))
  expect(column).toMatchObject({ code: 'INVALID_ARGUMENT', hint: expect.stringContaining('name') })
  const limit = failed(await place.product.readRows('latest', { table: 'users', limit: 501 }))
  expect(limit.code).toBe('INVALID_ARGUMENT')
})

test('rows that nobody counted when the backup was made are counted when it is looked into', async () => {
  using place = await backedUp('CREATE TABLE t (v); INSERT INTO t VALUES (1), (2)', { journalMode: 'delete' })
  const { filename, backupPath } = succeeded(await place.product.createBackup({ check: 'none' }))
  const copied = join(place.backupDir, 'manual', 'copied.db')
  copyFileSync(backupPath, copied)
  for (const name of [filename, 'copied.db']) {
    const looked = succeeded(await place.product.lookInside(name))
    expect(looked.settings).toMatchObject({ journal_mode: 'delete' })
    expect(looked.tables).toMatchObject([{ name: 't', rows: 2 }])
    const read = succeeded(await place.product.readRows(name, { table: 't', search: '' }))
    expect(read).toMatchObject({ total: 2, rows: [[1], [2]] })
  }
})

test('of a view nobody says how many rows it has', async () => {
  using place = await backedUp(
    'CREATE TABLE t (v); INSERT INTO t VALUES (1); CREATE VIEW w AS SELECT v FROM t',
  )
  const { tables } = succeeded(await place.product.lookInside('latest'))
  expect(tables.map(({ name, rows }) => [name, rows])).toEqual([
    ['t', 1],
    ['w', null],
  ])
  expect(succeeded(await place.product.readRows('latest', { table: 'w' })).total).toBeNull()
})
