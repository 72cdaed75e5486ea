import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { type BackupsCompared, type ComparedTable, summarizeComparison } from '../../src/index.ts'
import { treeOf } from '../restore/scene.ts'
import { filesBelow } from '../support/temporary.ts'
import { backedUp, failed, type LookPlace, succeeded } from './place.ts'

async function compared(place: LookPlace, table?: string): Promise<BackupsCompared> {
  return succeeded(await place.product.compareBackups('latest', table === undefined ? {} : { table }))
}

function figures({ added, removed, changed, unchanged }: ComparedTable): readonly number[] {
  return [added, removed, changed, unchanged]
}

async function figuresOf(place: LookPlace, table: string): Promise<readonly unknown[]> {
  const { tables } = await compared(place)
  const found = tables.find(({ name }) => name === table)
  return found === undefined ? [] : [found.matchedBy, ...figures(found)]
}

test('a comparison says what restoring the backup would change, in that direction', async () => {
  using place = await backedUp(`
    CREATE TABLE t (id INTEGER PRIMARY KEY, v);
    INSERT INTO t VALUES (1, 'same'), (2, 'as it was'), (3, 'deleted since');
  `)
  expect(await compared(place)).toMatchObject({ status: 'equal', objects: [] })
  place.app.exec(`
    UPDATE t SET v = 'as it is' WHERE id = 2; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (4, 'new since');
  `)
  const { from, to, status, tables, rows } = await compared(place, 't')
  expect([from.kind, from.path, to.kind, status]).toEqual(['database', place.path, 'backup', 'different'])
  expect(tables.map(figures)).toEqual([[1, 1, 1, 1]])
  expect(rows).toMatchObject({
    columns: ['id', 'v'],
    rows: [
      { change: 'removed', before: [4, 'new since'], after: null },
      { change: 'changed', before: [2, 'as it is'], after: [2, 'as it was'], changedColumns: ['v'] },
      { change: 'added', before: null, after: [3, 'deleted since'] },
    ],
    hasMore: false,
  })
})

test('a live database is compared as of one commit, in either journal mode, and its writers do not wait', async () => {
  for (const journalMode of ['wal', 'delete'] as const) {
    using place = await backedUp('CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2)', { journalMode })
    place.app.exec('INSERT INTO t VALUES (3, 4)')
    const [answer] = await Promise.all([
      place.product.compareBackups('latest'),
      Promise.resolve(place.app.exec('INSERT INTO t VALUES (5, 6)')),
    ])
    const [table] = succeeded(answer).tables
    expect([1, 2]).toContain(table?.removed)
    expect(Object.keys(treeOf(place.directory)).filter(name => /chame-work|-copy/.test(name))).toEqual([])
  }
})

test('values differ by their storage class, too', async () => {
  using place = await backedUp(`
    CREATE TABLE t (id INTEGER PRIMARY KEY, v);
    INSERT INTO t VALUES (1, 1), (2, 1), (3, NULL), (4, ''), (5, 'a'), (6, x'61'), (7, 9007199254740993), (8, 9e999);
  `)
  place.app.exec(`
    UPDATE t SET v = 1.0 WHERE id = 1; UPDATE t SET v = '1' WHERE id = 2; UPDATE t SET v = '' WHERE id = 3;
    UPDATE t SET v = x'' WHERE id = 4; UPDATE t SET v = 'A' WHERE id = 5; UPDATE t SET v = 'a' WHERE id = 6;
    UPDATE t SET v = 9007199254740992 WHERE id = 7; UPDATE t SET v = -9e999 WHERE id = 8;
  `)
  expect(await figuresOf(place, 't')).toEqual(['primary key', 0, 0, 8, 0])
})

test('a column that does not tell upper from lower case is compared by its bytes', async () => {
  using place = await backedUp(`
    CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v TEXT COLLATE NOCASE) WITHOUT ROWID;
    INSERT INTO t VALUES ('a', 'x'), ('b', 'y');
  `)
  place.app.exec("UPDATE t SET v = 'X' WHERE k = 'a'; UPDATE t SET k = 'B' WHERE k = 'b'")
  expect(await figuresOf(place, 't')).toEqual(['primary key', 0, 0, 2, 0])
})

test('rows are matched by the key where it tells them apart, else by the rowid, else as a whole', async () => {
  using place = await backedUp(`
    CREATE TABLE keyed (a TEXT, b INTEGER, PRIMARY KEY (b, a)); INSERT INTO keyed VALUES ('x', 1);
    CREATE TABLE nulls (a TEXT PRIMARY KEY, v); INSERT INTO nulls VALUES (NULL, 1), (NULL, 2);
    CREATE TABLE bare (v); INSERT INTO bare VALUES (1);
    CREATE TABLE taken (rowid, _rowid_, oid); INSERT INTO taken VALUES (1, 2, 3), (1, 2, 3), (4, 5, 6);
  `)
  place.app.exec(`
    UPDATE nulls SET v = 3 WHERE v = 2; UPDATE bare SET v = 2;
    DELETE FROM taken WHERE oid = 6; INSERT INTO taken VALUES (1, 2, 3), (7, 8, 9);
  `)
  expect(await figuresOf(place, 'keyed')).toEqual(['primary key', 0, 0, 0, 1])
  expect(await figuresOf(place, 'nulls')).toEqual(['rowid', 0, 0, 1, 1])
  expect(await figuresOf(place, 'bare')).toEqual(['rowid', 0, 0, 1, 0])
  expect(await figuresOf(place, 'taken')).toEqual(['whole row', 1, 2, 0, 2])
  const { rows } = await compared(place, 'taken')
  expect(rows?.rows.map(({ change, before, after }) => [change, before ?? after])).toEqual([
    ['removed', [1, 2, 3]],
    ['removed', [7, 8, 9]],
    ['added', [4, 5, 6]],
  ])
})

test('generated columns are left out, and what differs of the schema is said', async () => {
  using place = await backedUp(`
    CREATE TABLE t (id INTEGER PRIMARY KEY, old TEXT, v INTEGER, g AS (v + 1)); INSERT INTO t (id, v) VALUES (1, 1);
    CREATE TABLE only_then (a); INSERT INTO only_then VALUES (1), (2);
    CREATE INDEX i ON t (v); CREATE VIEW w AS SELECT 1;
    CREATE VIRTUAL TABLE f USING fts5(x);
  `)
  place.app.exec(`
    DROP INDEX i; DROP VIEW w; CREATE VIEW w AS SELECT 2; DROP TABLE only_then; DROP TABLE f;
    CREATE TABLE only_now (a); INSERT INTO only_now VALUES (1);
    ALTER TABLE t ADD COLUMN fresh; ALTER TABLE t DROP COLUMN old; UPDATE t SET v = 2;
  `)
  const all = await compared(place)
  expect(summarizeComparison(all)).toEqual({
    status: 'different',
    differingTables: 8,
    tables: 8,
    added: 5,
    removed: 1,
    changed: 1,
  })
  expect(all.tables.find(({ name }) => name === 't')).toMatchObject({
    status: 'compared',
    changed: 1,
    columns: { added: ['old'], removed: ['fresh'], changed: [] },
  })
  expect(all.tables.find(({ name }) => name === 'only_then')).toMatchObject({ status: 'added', added: 2 })
  expect(all.tables.find(({ name }) => name === 'only_now')).toMatchObject({ status: 'removed', removed: 1 })
  expect(all.objects).toEqual([
    { type: 'virtual table', name: 'f', change: 'added' },
    { type: 'index', name: 'i', change: 'added' },
    { type: 'view', name: 'w', change: 'changed' },
  ])
  expect((await compared(place, 't')).rows).toMatchObject({
    columns: ['id', 'old', 'v', 'fresh'],
    rows: [
      { change: 'changed', before: [1, null, 2, null], after: [1, null, 1, null], changedColumns: ['v'] },
    ],
  })
  expect((await compared(place, 'only_then')).rows?.rows.map(({ after }) => after)).toEqual([[1], [2]])
})

test('a table that is made by another statement is said to differ, once', async () => {
  using place = await backedUp(`
    CREATE TABLE checked (v CHECK (v > 0)); CREATE TABLE child (v REFERENCES checked (v) ON DELETE CASCADE);
    CREATE TABLE grown (v); CREATE TABLE same (v);
  `)
  expect(await compared(place)).toMatchObject({ status: 'equal', objects: [] })
  place.app.exec(`
    DROP TABLE child; DROP TABLE checked; CREATE TABLE checked (v); CREATE TABLE child (v REFERENCES checked (v));
    ALTER TABLE grown ADD COLUMN w;
  `)
  const { status, objects, tables } = await compared(place)
  expect(status).toBe('different')
  expect(objects).toEqual([
    { type: 'table', name: 'checked', change: 'changed' },
    { type: 'table', name: 'child', change: 'changed' },
  ])
  expect(tables.find(({ name }) => name === 'grown')?.columns.removed).toEqual(['w'])
})

test('differing rows come in pages', async () => {
  using place = await backedUp(`
    CREATE TABLE t (id INTEGER PRIMARY KEY, v);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) INSERT INTO t SELECT i, i FROM n;
  `)
  place.app.exec(
    'DELETE FROM t WHERE id > 20; UPDATE t SET v = -1 WHERE id <= 10; INSERT INTO t VALUES (99, 0)',
  )
  const all =
    succeeded(await place.product.compareBackups('latest', { table: 't', limit: 500 })).rows?.rows ?? []
  expect(all).toHaveLength(21)
  for (const limit of [1, 7, 20]) {
    const paged: unknown[] = []
    for (let hasMore = true; hasMore;) {
      const request = { table: 't', limit, offset: paged.length }
      const { rows } = succeeded(await place.product.compareBackups('latest', request))
      paged.push(...(rows?.rows ?? []))
      hasMore = rows?.hasMore === true
    }
    expect(paged).toEqual(all)
  }
})

test('sensitive columns are compared, and shown only on request', async () => {
  using place = await backedUp(
    "CREATE TABLE t (id INTEGER PRIMARY KEY, password TEXT); INSERT INTO t VALUES (1, 'OLD')",
  )
  place.app.exec("UPDATE t SET password = 'NEW'")
  const masked = await compared(place, 't')
  expect(masked.rows?.rows).toEqual([
    {
      change: 'changed',
      before: [1, { $masked: true }],
      after: [1, { $masked: true }],
      changedColumns: ['password'],
    },
  ])
  expect(masked.rows?.masked).toMatchObject([{ table: 't', column: 'password' }])
  const shown = succeeded(
    await place.product.compareBackups('latest', { table: 't', includeSensitive: true }),
  )
  expect(shown.rows?.rows[0]).toMatchObject({ before: [1, 'NEW'], after: [1, 'OLD'] })
})

test('parts of a full-text table, which hold what is masked in it, are shown only on request', async () => {
  using place = await backedUp(
    "CREATE VIRTUAL TABLE notes USING fts5(title, password); INSERT INTO notes VALUES ('first', 'OLD')",
  )
  place.app.exec("UPDATE notes SET password = 'NEW'")
  for (const table of ['notes_content', 'NOTES_CONTENT', 'notes_data']) {
    const { code } = failed(await place.product.compareBackups('latest', { table }))
    expect(code, table).toBe('INVALID_ARGUMENT')
  }
  const request = { table: 'notes_content', includeSensitive: true }
  const { rows } = succeeded(await place.product.compareBackups('latest', request))
  expect(rows?.rows).toMatchObject([{ before: [1, 'first', 'NEW'], after: [1, 'first', 'OLD'] }])
})

test('keys are matched in the order of the key, whatever the collation of their columns', async () => {
  using place = await backedUp(`
    CREATE TABLE exact (k TEXT COLLATE NOCASE, v, PRIMARY KEY (k COLLATE BINARY)) WITHOUT ROWID;
    CREATE TABLE loose (k TEXT, v, PRIMARY KEY (k COLLATE NOCASE));
    INSERT INTO exact VALUES ('a', 1), ('A', 2); INSERT INTO loose VALUES ('a', 1), ('b', 2);
  `)
  place.app.exec("UPDATE exact SET v = 3 WHERE v = 1; UPDATE loose SET k = 'A' WHERE k = 'a'")
  const { tables } = await compared(place)
  expect(tables.map(table => [table.name, table.matchedBy, ...figures(table)])).toEqual([
    ['exact', 'primary key', 0, 0, 1, 1],
    ['loose', 'primary key', 0, 0, 1, 1],
  ])
  for (const table of ['exact', 'loose']) {
    const { rows } = await compared(place, table)
    expect(rows?.rows.map(({ change }) => change)).toEqual(['changed'])
  }
})

test('a table that is only on one side, and cannot be counted, keeps nothing else from being compared', async () => {
  using place = await backedUp('CREATE TABLE t (v); INSERT INTO t VALUES (1)')
  place.app.exec("CREATE TABLE own (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO own VALUES ('a', 1)")
  place.app.enableDefensive(false)
  place.app.exec('PRAGMA writable_schema = ON')
  place.app.exec("UPDATE sqlite_schema SET sql = replace(sql, 'TEXT', 'TEXT COLLATE own') WHERE name = 'own'")
  place.app.exec('PRAGMA writable_schema = RESET')
  const { tables } = await compared(place)
  expect(tables.find(({ name }) => name === 't')).toMatchObject({ status: 'compared', unchanged: 1 })
  expect(tables.find(({ name }) => name === 'own')).toMatchObject({
    status: 'not-compared',
    why: expect.stringContaining('collation'),
  })
})

test('two backups are compared from one to the other', async () => {
  using place = await backedUp('CREATE TABLE t (v); INSERT INTO t VALUES (1)')
  place.app.exec('INSERT INTO t VALUES (2)')
  const second = succeeded(await place.product.createBackup())
  const [, first] = await place.product.listBackups()
  const answer = succeeded(
    await place.product.compareBackups(second.filename, { with: first?.filename ?? '' }),
  )
  expect(answer.from).toMatchObject({ kind: 'backup', backup: { filename: first?.filename } })
  expect(answer.tables.map(figures)).toEqual([[1, 0, 0, 1]])
})

test('what cannot be compared is said, and what is not there', async () => {
  using place = await backedUp('CREATE TABLE t (v)')
  using other = await backedUp('CREATE TABLE t (v)', { encoding: 'UTF-16le' })
  const [backup] = await other.product.listBackups()
  const encodings = failed(await place.product.compareBackups('latest', { with: backup?.path ?? '' }))
  expect(encodings.code).toBe('BACKUP_UNSUPPORTED')
  expect(failed(await place.product.compareBackups('latest', { table: 'x' })).code).toBe('INVALID_ARGUMENT')
  expect(failed(await place.product.compareBackups('latest', { limit: 3 })).code).toBe('INVALID_ARGUMENT')
  expect(failed(await place.product.compareBackups('latest', { with: 'none.db' })).code).toBe(
    'BACKUP_NOT_FOUND',
  )
})

test('a table that SQLite cannot compare is left out with the reason, and the others are compared', async () => {
  const columns = ['rowid', '_rowid_', 'oid', ...Array.from({ length: 1_500 }, (_, i) => `c${i}`)]
  using place = await backedUp(`
    CREATE TABLE t (v); INSERT INTO t VALUES (1); CREATE TABLE odd (${columns.join()}); INSERT INTO odd (c0) VALUES (1);
  `)
  const { tables, status } = await compared(place)
  expect(tables.find(({ name }) => name === 't')).toMatchObject({ status: 'compared', unchanged: 1 })
  const odd = tables.find(({ name }) => name === 'odd')
  expect(odd).toMatchObject({ status: 'not-compared', why: expect.stringContaining('too many') })
  expect(status).toBe('incomplete')
})

test('what an application defines itself does not keep its tables from being compared', async () => {
  using place = await backedUp('CREATE TABLE t (v); INSERT INTO t VALUES (1)')
  const app = new DatabaseSync(place.path)
  app.function('own', { deterministic: true, varargs: true }, () => 1)
  app.exec('CREATE TABLE odd (v, g AS (own(v)) STORED, CHECK (own(v) = 1)); INSERT INTO odd VALUES (1)')
  app.close()
  const second = succeeded(await place.product.createBackup())
  const { tables } = succeeded(await place.product.compareBackups(second.filename))
  expect(tables.map(({ name, unchanged }) => [name, unchanged])).toEqual([
    ['odd', 1],
    ['t', 1],
  ])
})

/** A table of many pages, of which each but the schema's is overwritten from `offset` on. */
const PAGES = `
  CREATE TABLE t (v);
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t SELECT i || hex(zeroblob(50)) FROM n;
`

function overwrite(path: string, from: number, to?: number): void {
  writeFileSync(path, readFileSync(path).fill(0xee, from, to))
}

test('of a backup whose schema cannot be read the comparison says that it is damaged', async () => {
  using place = await backedUp(PAGES)
  const [backup] = await place.product.listBackups()
  const path = backup?.path ?? ''
  overwrite(path, 100, 4096)
  const failure = failed(await place.product.compareBackups('latest'))
  expect(failure.code).toBe('BACKUP_DAMAGED')
  expect(failure.message).toContain(path)
  expect(failure.message).not.toContain(place.path)
})

test('of damage that may be in either the comparison names both', async () => {
  using place = await backedUp(PAGES, { journalMode: 'delete' })
  overwrite(place.path, 4096)
  const failure = failed(await place.product.compareBackups('latest'))
  expect(failure.code).toBe('DATABASE_DAMAGED')
  expect(failure.message).toContain(`${place.path} or `)
})

test('a live database that cannot be read under its own locks is compared by way of an image', async () => {
  using place = await backedUp(PAGES)
  const before = filesBelow(place.directory).filter(name => !name.startsWith('app.db-'))
  place.app.close()
  overwrite(place.path, 4096)
  const failure = failed(await place.product.compareBackups('latest'))
  expect(failure.code).toBe('DATABASE_DAMAGED')
  expect(filesBelow(place.directory).filter(name => !name.startsWith('app.db-'))).toEqual(before)
  place.app.open()
})
