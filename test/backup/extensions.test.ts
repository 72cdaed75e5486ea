/** Databases whose schema needs what only their application has: that is no damage. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { BackupCreated } from '../../src/index.ts'
import { contentOf } from '../support/intact.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** Makes a database with a function `twice` that only this connection knows. */
function buildWithFunction(sql: string): string {
  const path = join(temporaryDirectory(), 'app.db')
  const connection = new DatabaseSync(path, { defensive: false })
  connection.function('twice', { deterministic: true }, value => Number(value) * 2)
  connection.exec(
    `PRAGMA journal_mode = WAL; CREATE TABLE plain (a); INSERT INTO plain VALUES (1), (2); ${sql}`,
  )
  connection.close()
  return path
}

/** Expects both levels of check to let the backup pass, bytes unchanged, and both levels of verification. */
async function expectUndamaged(path: string): Promise<BackupCreated[]> {
  const made: BackupCreated[] = []
  for (const check of ['quick', 'full'] as const) {
    const backup = await backUp(path, { check })
    expect(readFileSync(backup.backupPath).equals(readFileSync(path))).toBe(true)
    expect(backup.metadata.tables).toMatchObject({ plain: 2 })
    expect(succeeded(await protect(path).verifyBackup(backup.filename, { check }))).toMatchObject({
      status: 'intact',
      problems: [],
    })
    made.push(backup)
  }
  succeeded(await protect(path).info())
  return made
}

test.each([
  ['a CHECK', 'CREATE TABLE t (a CHECK (twice(a) > 0)); INSERT INTO t VALUES (1)'],
  ['a DEFAULT', 'CREATE TABLE t (a, b DEFAULT (twice(2))); INSERT INTO t (a) VALUES (1)'],
  [
    'an expression index',
    'CREATE TABLE t (a); CREATE INDEX i ON t (twice(a)); INSERT INTO t VALUES (1), (2)',
  ],
  [
    'a partial index',
    'CREATE TABLE t (a); CREATE INDEX i ON t (a) WHERE twice(a) > 2; INSERT INTO t VALUES (1), (2)',
  ],
  ['a virtual column', 'CREATE TABLE t (a, b AS (twice(a))); INSERT INTO t VALUES (1)'],
  [
    'a stored column with an index',
    'CREATE TABLE t (a, b AS (twice(a)) STORED); CREATE INDEX i ON t (b); INSERT INTO t VALUES (1)',
  ],
  ['a view', 'CREATE TABLE t (a); CREATE VIEW v AS SELECT twice(a) FROM t'],
  [
    'a trigger',
    'CREATE TABLE t (a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT twice(new.a); END; INSERT INTO t VALUES (1)',
  ],
])(
  'a database with an application’s own function in %s is backed up and is not called damaged',
  async (_, sql) => {
    await expectUndamaged(buildWithFunction(sql))
  },
)

test('a table of a virtual-table module that is not here is no damage', async () => {
  const path = buildWithFunction(`
    PRAGMA writable_schema = ON;
    INSERT INTO sqlite_schema VALUES ('table', 'remote', 'remote', 0, 'CREATE VIRTUAL TABLE remote USING nowhere(a, b)');
  `)
  await expectUndamaged(path)
})

test('a full-text index with a tokenizer that is not here is no damage', async () => {
  const path = buildWithFunction(`
    CREATE VIRTUAL TABLE words USING fts5(body); INSERT INTO words VALUES ('hello'); PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE words USING fts5(body, tokenize = nowhere)' WHERE name = 'words';
  `)
  await expectUndamaged(path)
})

const PYTHON = `
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.create_collation('shout', lambda a, b: (a.upper() > b.upper()) - (a.upper() < b.upper()))
connection.executescript('CREATE TABLE plain (a); INSERT INTO plain VALUES (1), (2);' + sys.argv[2])
connection.close()
`

function buildWithCollation(sql: string): string {
  const path = join(temporaryDirectory(), 'app.db')
  run('python3', ['-c', PYTHON, path, sql])
  return path
}

for (const [where, sql] of [
  ['a column', "CREATE TABLE t (a TEXT COLLATE shout); INSERT INTO t VALUES ('b'), ('A')"],
  [
    'an index',
    "CREATE TABLE t (a); CREATE INDEX i ON t (a COLLATE shout); INSERT INTO t VALUES ('b'), ('A')",
  ],
  ['a unique column', "CREATE TABLE t (a TEXT COLLATE shout UNIQUE); INSERT INTO t VALUES ('b'), ('A')"],
  [
    'the key of a WITHOUT ROWID table',
    "CREATE TABLE t (a TEXT COLLATE shout PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES ('b'), ('A')",
  ],
] as const) {
  testWith(
    ['python3'],
    `a database with an application’s own collation in ${where} is backed up and is not called damaged`,
    async () => {
      await expectUndamaged(buildWithCollation(sql))
    },
  )
}

testWith(['python3'], 'what could not be checked is said, and what could be checked is checked', async () => {
  const path = buildWithCollation(`
    CREATE TABLE t (a); CREATE INDEX i ON t (a COLLATE shout); INSERT INTO t VALUES ('b');
    CREATE TABLE victim (a); INSERT INTO victim VALUES ('x'), ('y');
  `)
  const [quick] = await expectUndamaged(path)
  expect(quick?.metadata.unchecked?.join()).toContain('t')
  expect(contentOf(quick?.backupPath ?? '')).toMatchObject({ plain: [{ a: 1 }, { a: 2 }] })

  const connection = new DatabaseSync(path, { readOnly: true })
  const root = Number(
    connection.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'victim'").get()?.['rootpage'],
  )
  connection.close()
  const fd = openSync(path, 'r+')
  writeSync(fd, Buffer.alloc(50, 0xa5), 0, 50, (root - 1) * 4096)
  closeSync(fd)
  const { message } = failedWith('DATABASE_DAMAGED', await protect(path).createBackup())
  expect(message).toMatch(/^Backup integrity check failed: /)
})
