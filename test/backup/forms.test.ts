import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildDatabase, buildLedger, type DatabaseForm, openDatabase } from '../support/databases.ts'
import { assertIntact, contentOf, withCopy } from '../support/intact.ts'
import { backUp, protect, succeeded } from '../support/product.ts'
import { realDatabases } from '../support/real-databases.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** Backs up, and expects the backup to hold what the database holds and to be found intact. */
async function expectFaithful(path: string): Promise<string> {
  const before = contentOf(path)
  const { backupPath, filename } = await backUp(path, { check: 'full' })
  expect(contentOf(backupPath)).toEqual(before)
  expect(succeeded(await protect(path).verifyBackup(filename))).toMatchObject({
    status: 'intact',
    problems: [],
  })
  expect(contentOf(path)).toEqual(before)
  return backupPath
}

function pragma(path: string, name: string): unknown {
  return withCopy(path, copy => Object.values(copy.prepare(`PRAGMA ${name}`).get() ?? {})[0])
}

const PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]

for (const journalMode of ['wal', 'delete'] as const) {
  test.each(PAGE_SIZES)(
    `a ${journalMode.toUpperCase()} database with pages of %i bytes is backed up`,
    async pageSize => {
      const path = join(temporaryDirectory(), 'ledger.db')
      buildLedger(path, { journalMode, pageSize, commits: 120 })
      const backup = await expectFaithful(path)
      expect(assertIntact(backup)).toEqual({ commits: 120 })
      expect(pragma(backup, 'page_size')).toBe(pageSize)
      expect(pragma(backup, 'journal_mode')).toBe(journalMode)
    },
  )
}

const FORMS: [string, DatabaseForm, string, unknown][] = [
  ['UTF-16 little-endian text', { encoding: 'UTF-16le' }, 'encoding', 'UTF-16le'],
  ['UTF-16 big-endian text', { encoding: 'UTF-16be' }, 'encoding', 'UTF-16be'],
  ['UTF-8 text', { encoding: 'UTF-8' }, 'encoding', 'UTF-8'],
  ['auto_vacuum = FULL', { autoVacuum: 'full' }, 'auto_vacuum', 1],
  ['auto_vacuum = INCREMENTAL', { autoVacuum: 'incremental' }, 'auto_vacuum', 2],
]

test.each(FORMS)('a database with %s is backed up', async (_, form, setting, expected) => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path, { ...form, commits: 600 })
  const backup = await expectFaithful(path)
  expect(assertIntact(backup)).toEqual({ commits: 600 })
  expect(pragma(backup, setting)).toBe(expected)
})

const SCHEMAS: [string, string][] = [
  [
    'WITHOUT ROWID tables',
    "CREATE TABLE t (a TEXT PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t VALUES ('x', 1), ('y', NULL)",
  ],
  [
    'STRICT tables',
    'CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB, c ANY) STRICT; INSERT INTO t VALUES (1, zeroblob(9000), 2)',
  ],
  [
    'generated columns and indexes on them',
    'CREATE TABLE t (a INT, v AS (a * 2), s AS (a * 3) STORED); CREATE INDEX i ON t (v, s); INSERT INTO t VALUES (1), (2)',
  ],
  [
    'an FTS5 table',
    "CREATE VIRTUAL TABLE t USING fts5(body); INSERT INTO t VALUES ('hello world'), ('goodbye'); CREATE TABLE u (a)",
  ],
  ['an R-Tree', 'CREATE VIRTUAL TABLE t USING rtree(id, x0, x1); INSERT INTO t VALUES (1, 0, 1), (2, 5, 9)'],
  [
    'views, triggers, foreign keys, partial and expression indexes',
    `CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, n);
     CREATE TABLE b (a REFERENCES a ON DELETE CASCADE, n);
     CREATE INDEX p ON a (n) WHERE n > 1; CREATE INDEX e ON a (lower(n));
     CREATE VIEW v AS SELECT * FROM a JOIN b; CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO b VALUES (new.id, 0); END;
     INSERT INTO a (n) VALUES (1), (2), (3); ANALYZE`,
  ],
  [
    'names of tables with quotes, spaces and SQL words',
    `CREATE TABLE "a ""quoted"" table" (x); CREATE TABLE "select" (x); CREATE TABLE "5" (x); CREATE TABLE "Größe ☃" (x);
     INSERT INTO "a ""quoted"" table" VALUES (1); INSERT INTO "select" VALUES (1), (2)`,
  ],
  [
    'rows larger than a page',
    'CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(3000000)), (hex(randomblob(100000)))',
  ],
]

for (const journalMode of ['wal', 'delete'] as const) {
  test.each(SCHEMAS)(`a ${journalMode.toUpperCase()} database with %s is backed up`, async (_, sql) => {
    const path = join(temporaryDirectory(), 'some.db')
    buildDatabase(path, sql, { journalMode })
    await expectFaithful(path)
  })
}

test('the rows of ordinary tables are counted in the stored image, the shadow tables of virtual ones are not', async () => {
  const path = join(temporaryDirectory(), 'some.db')
  buildDatabase(
    path,
    "CREATE TABLE plain (a); INSERT INTO plain VALUES (1), (2); CREATE VIRTUAL TABLE t USING fts5(b); INSERT INTO t VALUES ('x')",
  )
  expect((await backUp(path)).metadata.tables).toEqual({ plain: 2 })
})

test('a file of zero bytes, which is an empty database, is backed up as one', async () => {
  const path = join(temporaryDirectory(), 'empty.db')
  writeFileSync(path, '')
  const { backupPath, filename, metadata } = await backUp(path)
  expect(readFileSync(backupPath)).toHaveLength(0)
  expect(metadata).toMatchObject({ file_size: 0, tables: {} })
  expect(succeeded(await protect(path).verifyBackup(filename)).status).toBe('intact')
  expect(statSync(path).size).toBe(0)
})

test.each(['wal', 'delete'] as const)('a %s database without tables is backed up', async journalMode => {
  const path = join(temporaryDirectory(), 'empty.db')
  buildDatabase(path, 'CREATE TABLE t (a); DROP TABLE t; VACUUM; PRAGMA user_version = 7', { journalMode })
  await expectFaithful(path)
  expect((await backUp(path)).metadata).toMatchObject({ database_version: '7', tables: {} })
})

test('a WAL database that was switched from empty, with everything still in its WAL, is backed up', async () => {
  const path = join(temporaryDirectory(), 'young.db')
  const open = openDatabase(path, { journalMode: 'wal' })
  open.exec('PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a); INSERT INTO t VALUES (42)')
  const { backupPath, snapshotWay } = await backUp(path)
  expect(withCopy(backupPath, copy => copy.prepare('SELECT a FROM t').all())).toEqual([{ a: 42 }])
  expect(snapshotWay).toBe('wal')
  open.close()
})

test('a database that has shrunk, with the shrinking still in its WAL, is backed up at its new size', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const open = openDatabase(path)
  open.exec(`
    CREATE TABLE ballast (a); INSERT INTO ballast VALUES (randomblob(2000000)); PRAGMA wal_checkpoint(TRUNCATE);
    PRAGMA wal_autocheckpoint = 0; DROP TABLE ballast; VACUUM;
  `)
  const pages = Number(open.prepare('PRAGMA page_count').get()?.['page_count'])
  expect(statSync(path).size).toBeGreaterThan(2_000_000)
  const backup = await expectFaithful(path)
  expect(statSync(backup).size).toBe(pages * 4096)
  expect(assertIntact(backup)).toEqual({ commits: 20 })
  open.close()
})

test.each(realDatabases())('%s, which others wrote, is backed up', async (name, original) => {
  const path = join(temporaryDirectory(), name)
  copyFileSync(original, path)
  await expectFaithful(path)
})
