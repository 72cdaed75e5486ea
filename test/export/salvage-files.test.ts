/** What else can be wrong with a database or a backup that is salvaged: its head, its end, its schema, its side files. */
import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { Progress } from '../../src/index.ts'
import { openDatabase } from '../support/databases.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { buildHostile } from '../malformed/hostile.ts'
import { damage, overwrite, PAGE_BYTES, pagesOf, salvage } from './damage.ts'
import { build, idsOf, missingFrom, refused, ROWS } from './damaged-database.ts'

test('a truncated file gives what is left of it', async () => {
  const path = build()
  const pages = readFileSync(path).length / PAGE_BYTES
  for (const share of [0.9, 0.5, 0.2, 0.03]) {
    const copy = join(temporaryDirectory(), 'app.db')
    copyFileSync(path, copy)
    truncateSync(copy, Math.floor(pages * share) * PAGE_BYTES + 100)
    await refused(copy, 'DATABASE_DAMAGED')
    const salvaged = await salvage(copy)
    const { lost, rows } = salvaged.result
    expect(rows).toBeGreaterThan(0)
    expect(lost.length).toBeGreaterThan(0)
    missingFrom(idsOf(salvaged))
  }
})

const HEADERS: readonly (readonly [what: string, offset: number, content: readonly number[]])[] = [
  ['no magic', 0, [0, 0, 0, 0]],
  ['a page size that is none', 16, [1, 7]],
  ['an unknown version', 18, [9, 9]],
  ['much reserved space', 20, [255]],
  ['other payload fractions', 21, [1, 2, 3]],
  ['too many pages', 28, [0x7f, 0xff, 0xff, 0xff]],
  ['an unknown schema format', 44, [0, 0, 0, 9]],
  ['an unknown encoding', 56, [0, 0, 0, 7]],
  ['nothing right at all', 0, Array.from({ length: 100 }, () => 0xee)],
]

test.each(HEADERS)('a header with %s does not hide the rows', async (_, offset, content) => {
  for (const pageSize of [512, 4096, 65_536]) {
    const path = build('', pageSize)
    overwrite(path, 1, offset, content)
    const { result } = await salvage(path)
    expect(result.tables).toEqual({ t: ROWS, w: ROWS, small: 3 })
  }
})

test('what is in the write-ahead log counts, whatever the header of the file is', async () => {
  const path = build()
  const open = openDatabase(path, { journalMode: 'wal' })
  open.exec('PRAGMA wal_autocheckpoint = 0; INSERT INTO small VALUES (4)')
  const copy = join(temporaryDirectory(), 'app.db')
  for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix)
  open.close()
  overwrite(copy, 1, 0, [1, 2, 3, 4])
  const before = [readFileSync(copy), readFileSync(`${copy}-wal`)]
  const { rows } = await salvage(copy)
  expect(rows['small']).toHaveLength(4)
  expect([readFileSync(copy), readFileSync(`${copy}-wal`)]).toEqual(before)
  expect(existsSync(`${copy}-shm`)).toBe(false)
})

test('of a damaged schema everything is exported that SQLite makes sense of', async () => {
  const path = join(temporaryDirectory(), 'app.db')
  buildHostile(
    path,
    `CREATE TABLE good (a); INSERT INTO good VALUES (1); CREATE TABLE bad (a); CREATE INDEX on_bad ON bad (a);
     CREATE INDEX wrong ON good (a); CREATE VIEW v AS SELECT a FROM good; CREATE VIEW broken AS SELECT 1;
     CREATE TRIGGER r AFTER INSERT ON good BEGIN SELECT 1; END;
     PRAGMA writable_schema = ON;
     UPDATE sqlite_schema SET sql = 'CREATE TABLE bad (a, (' WHERE name = 'bad';
     UPDATE sqlite_schema SET sql = 'CREATE INDEX wrong ON good (nowhere)' WHERE name = 'wrong';
     UPDATE sqlite_schema SET sql = 'CREATE VIEW broken AS SELEKT' WHERE name = 'broken';
     INSERT INTO sqlite_schema SELECT * FROM sqlite_schema WHERE name = 'good'`,
  )
  await refused(path, 'DATABASE_DAMAGED')
  const { result, rows } = await salvage(path)
  expect(rows).toEqual({ good: [{ rowid: 1, a: 1 }] })
  expect(result.lost.map(({ table, what }) => `${table}: ${what}`).toSorted()).toEqual([
    'bad: the index "on_bad"',
    'bad: the table',
    'broken: the view "broken"',
    'good: the index "wrong"',
  ])
  const to = join(path, '..', 'new.db')
  succeeded(await protect(path).importData({ from: result.exportPath, to }))
  const made = new DatabaseSync(to)
  const names = made.prepare('SELECT name FROM sqlite_schema ORDER BY name').all()
  made.close()
  expect(names.map(({ name }) => name)).toEqual(['good', 'r', 'v'])
})

test.each(['json', 'ndjson', 'csv', 'sql'] as const)(
  'a salvaged export as %s can be imported',
  async format => {
    const path = build()
    const pages = [...pagesOf(path, 't').slice(3, 4), ...pagesOf(path, 'w').slice(3, 4)]
    damage(path, pages)
    const result = succeeded(
      await protect(path).exportData({ format, salvage: true, includeSensitive: true }),
    )
    const to = join(path, '..', 'new.db')
    const imported = succeeded(await protect(path).importData({ from: result.exportPath, to }))
    expect(imported.lost).toEqual(result.lost)
    expect(imported.lost).toHaveLength(2)
    expect(imported.tables).toEqual(result.tables)
    const made = new DatabaseSync(to)
    expect(made.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    expect(made.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: result.tables['t'] })
    made.close()
  },
)

test('parquet, which needs to read everything first, is refused', async () => {
  const path = build()
  failedWith('INVALID_ARGUMENT', await protect(path).exportData({ format: 'parquet', salvage: true }))
})

test('a damaged backup is refused, and salvaged when asked for', async () => {
  const path = build()
  const { backupPath, filename } = await backUp(path)
  damage(backupPath, pagesOf(backupPath, 't').slice(5, 6))
  await refused(path, 'BACKUP_DAMAGED', { from: filename })
  await refused(path, 'BACKUP_DAMAGED', { from: backupPath })
  const before = readFileSync(backupPath)
  const { result } = await salvage(path, { from: filename })
  expect(result.lost).toHaveLength(1)
  expect(result.tables['w']).toBe(ROWS)
  // A database without its metadata, and without its head.
  const moved = join(temporaryDirectory(), 'moved.db')
  copyFileSync(backupPath, moved)
  overwrite(moved, 1, 0, [0, 0, 0, 0])
  await refused(path, 'BACKUP_DAMAGED', { from: moved })
  expect((await salvage(path, { from: moved })).result.tables).toEqual(result.tables)
  expect(readFileSync(backupPath)).toEqual(before)
})

test('a sound database loses nothing by it', async () => {
  const path = build()
  const whole = succeeded(await protect(path).exportData({ includeSensitive: true }))
  const { result } = await salvage(path)
  expect(result).toMatchObject({ tables: whole.tables, rows: whole.rows, lost: [] })
  const rowsOf = (file: string): unknown =>
    (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)['tables']
  expect(rowsOf(result.exportPath)).toEqual(rowsOf(whole.exportPath))
})

test('what is no database at all is said to be none', async () => {
  const path = join(temporaryDirectory(), 'app.db')
  writeFileSync(path, 'Dear diary, '.repeat(5_000))
  const failure = failedWith('DATABASE_INVALID', await protect(path).exportData({ salvage: true }))
  expect(failure.message).toMatch(/Nothing of it can be salvaged/)
  expect(filesBelow(join(path, '..')).filter(name => /exports/.test(name))).toEqual([])
})

test('nothing of a salvage stays beside the database or its backups but the export', async () => {
  const path = build()
  damage(path, pagesOf(path, 't').slice(3, 4))
  const { result } = await salvage(path)
  expect(readdirSync(join(path, '..')).toSorted()).toEqual(['app.db', 'backups'])
  expect(filesBelow(join(path, '..', 'backups')).toSorted()).toEqual([
    'exports',
    `exports/${result.files[0]}`,
  ])
})

test('a journal of a transaction that was not finished is rolled back in a copy, whatever the header of the file is', async () => {
  const path = build()
  const open = openDatabase(path, { journalMode: 'delete' })
  open.exec(
    "PRAGMA cache_size = 2; PRAGMA cache_spill = 1; BEGIN; UPDATE t SET a = 'not committed'; UPDATE small SET a = 7",
  )
  const copy = join(temporaryDirectory(), 'app.db')
  for (const suffix of ['', '-journal']) copyFileSync(path + suffix, copy + suffix)
  open.exec('ROLLBACK')
  open.close()
  expect(readFileSync(copy).includes('not committed')).toBe(true)
  overwrite(copy, 1, 0, [1, 2, 3, 4])
  const before = [readFileSync(copy), readFileSync(`${copy}-journal`)]
  const salvaged = await salvage(copy)
  expect(missingFrom(idsOf(salvaged))).toEqual([])
  expect(JSON.stringify(salvaged.rows['t'])).not.toContain('not committed')
  expect([readFileSync(copy), readFileSync(`${copy}-journal`)]).toEqual(before)
})

testWith(['mkfifo'], 'a FIFO beside a damaged database is not waited for', async () => {
  const path = build()
  overwrite(path, 1, 0, [1, 2, 3, 4])
  run('mkfifo', [`${path}-wal`])
  expect((await salvage(path)).result.tables).toEqual({ t: ROWS, w: ROWS, small: 3 })
})

test('a database that somebody has locked is not damaged, and nothing of it is salvaged', async () => {
  const path = build()
  using other = openDatabase(path, { journalMode: 'delete' })
  other.exec('BEGIN EXCLUSIVE')
  const config = join(temporaryDirectory(), 'config.json')
  writeFileSync(config, JSON.stringify({ waitForLockMs: 100 }))
  failedWith('DATABASE_LOCKED', await protect(path, { config }).exportData({ salvage: true }))
})

test('a backup that is no database is said to be damaged, and one without sense in its metadata is salvaged', async () => {
  const path = build()
  const { backupPath, filename } = await backUp(path)
  const metadata = join(path, '..', 'backups', 'metadata', `${filename}.json`)
  writeFileSync(metadata, '{')
  await refused(path, 'METADATA_INVALID', { from: filename })
  expect((await salvage(path, { from: filename })).result.lost).toEqual([])
  writeFileSync(backupPath, 'Dear diary, '.repeat(5_000))
  const failure = failedWith(
    'BACKUP_DAMAGED',
    await protect(path).exportData({ from: filename, salvage: true }),
  )
  expect(failure.message).toMatch(/Nothing of it can be salvaged/)
  expect(failure.hint).toMatch(/another backup/)
})

test('a salvage that is cancelled when it opens its source leaves nothing, and does not call it damaged', async () => {
  const path = build()
  const { filename } = await backUp(path)
  const before = filesBelow(join(path, '..'))
  const database = protect(path, { engine: 'here' })
  for (const request of [{ from: filename, salvage: true }, { salvage: true }, {}]) {
    const controller = new AbortController()
    const onProgress = ({ step }: Progress): void => {
      if (step === 'open-source') controller.abort()
    }
    const { signal } = controller
    failedWith('CANCELLED', await database.exportData({ ...request, onProgress, signal }))
  }
  expect(filesBelow(join(path, '..'))).toEqual(before)
})
