/** Journal modes, page sizes and other forms of databases, of the backup and of what it is restored over. */
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { buildDatabase, openDatabase } from '../support/databases.ts'
import { contentOf, withCopy } from '../support/intact.ts'
import { readLedger } from '../support/ledger.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  NOW,
  openScene,
  pragmaOf,
  removeDatabase,
  restored,
  succeeded,
  treeOf,
} from './scene.ts'

const PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]

describe.each([
  { from: 'wal', to: 'delete' },
  { from: 'delete', to: 'wal' },
  { from: 'wal', to: 'wal' },
  { from: 'truncate', to: 'delete' },
] as const)('a backup in $from mode restored over a database in $to mode', ({ from, to }) => {
  const expected = from === 'wal' ? 'wal' : 'delete'

  test('brings its journal mode with it', async () => {
    const scene = openScene()
    await backUpThenChange(scene, { backedUp: { journalMode: from }, now: { journalMode: to } })
    const result = restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expect(result).toMatchObject({ journalMode: expected, notes: [], comparison: 'equal' })
    expect(pragmaOf(scene.databasePath, 'journal_mode')).toBe(expected)
    expectCommit(scene.databasePath, BACKED_UP)
    expect(Object.keys(treeOf(scene.path('data')))).toEqual(['app.db'])
  })

  test('leaves the journal mode of a database in use, and says so where they differ', async () => {
    const scene = openScene()
    await backUpThenChange(scene, { backedUp: { journalMode: from }, now: { journalMode: to } })
    const app = openDatabase(scene.databasePath, { journalMode: to })
    app.exec('BEGIN; SELECT * FROM state; COMMIT')
    const result = restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expect(result.comparison).toBe('equal')
    expect(readLedger(app)).toEqual({ commits: BACKED_UP })
    expect(app.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: result.journalMode })
    expect(result.notes).toEqual(
      result.journalMode === expected
        ? []
        : [expect.stringContaining(`The journal mode stays ${result.journalMode}`)],
    )
    if (from === to) expect(result.journalMode).toBe(to)
    app.close()
    expectCommit(scene.databasePath, BACKED_UP)
  })
})

test.each(PAGE_SIZES)(
  'a backup with pages of %i bytes is restored over pages of another size',
  async pageSize => {
    for (const journalMode of ['wal', 'delete'] as const) {
      const other = pageSize === 1024 ? 16_384 : 1024
      const scene = openScene()
      await backUpThenChange(scene, {
        backedUp: { pageSize, journalMode },
        now: { pageSize: other, journalMode },
      })
      const result = restored(await scene.product().restoreBackup('latest', { confirm: true }))
      expect(result).toMatchObject({ way: 'transaction', comparison: 'equal', journalMode })
      expectCommit(scene.databasePath, BACKED_UP)
      expect(pragmaOf(scene.databasePath, 'page_size')).toBe(pageSize)
      restored(
        await scene.product().restoreBackup(result.preRestoreBackup?.filename ?? '', { confirm: true }),
      )
      expectCommit(scene.databasePath, NOW)
      expect(pragmaOf(scene.databasePath, 'page_size')).toBe(other)
    }
  },
)

test.each(PAGE_SIZES)('a backup with pages of %i bytes is restored where nothing is', async pageSize => {
  const scene = openScene()
  await backUpThenChange(scene, { backedUp: { pageSize } })
  restored(await scene.product().restoreBackup('latest', { to: scene.path('copy.db') }))
  expectCommit(scene.path('copy.db'), BACKED_UP)
  expect(pragmaOf(scene.path('copy.db'), 'page_size')).toBe(pageSize)
})

test('another page size over a database in use works in rollback mode', async () => {
  const scene = openScene()
  await backUpThenChange(scene, {
    backedUp: { pageSize: 8192, journalMode: 'delete' },
    now: { pageSize: 1024, journalMode: 'delete' },
  })
  const app = openDatabase(scene.databasePath, { journalMode: 'delete', pageSize: 1024 })
  expect(readLedger(app)).toEqual({ commits: NOW })
  restored(await scene.product().restoreBackup('latest', { confirm: true }))
  expect(readLedger(app)).toEqual({ commits: BACKED_UP })
  app.close()
  expectCommit(scene.databasePath, BACKED_UP)
})

test('another page size over a database in use is refused in WAL mode, where SQLite cannot change it', async () => {
  const scene = openScene()
  await backUpThenChange(scene, { backedUp: { pageSize: 8192 }, now: { pageSize: 1024 } })
  const app = openDatabase(scene.databasePath, { pageSize: 1024 })
  expect(readLedger(app)).toEqual({ commits: NOW })
  const result = await scene.product({ waitForLockMs: 100 }).restoreBackup('latest', { confirm: true })
  expect(result).toMatchObject({ success: false, code: 'DATABASE_LOCKED' })
  expect(readLedger(app)).toEqual({ commits: NOW })
  expect(app.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
  app.close()
  expectCommit(scene.databasePath, NOW)
})

test.each(['full', 'incremental'] as const)('auto_vacuum %s comes back with the backup', async autoVacuum => {
  for (const over of ['none', 'full'] as const) {
    const scene = openScene()
    await backUpThenChange(scene, { backedUp: { autoVacuum }, now: { autoVacuum: over } })
    restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expectCommit(scene.databasePath, BACKED_UP)
    expect(pragmaOf(scene.databasePath, 'auto_vacuum')).toBe(autoVacuum === 'full' ? 1 : 2)
  }
})

test.each(['UTF-16le', 'UTF-16be'] as const)('a backup in %s replaces one in UTF-8', async encoding => {
  const scene = openScene()
  await backUpThenChange(scene, { backedUp: { encoding } })
  restored(await scene.product().restoreBackup('latest', { confirm: true }))
  expectCommit(scene.databasePath, BACKED_UP)
  expect(pragmaOf(scene.databasePath, 'encoding')).toBe(encoding)
})

test('user_version and application_id come back', async () => {
  const scene = openScene()
  buildDatabase(
    scene.path('other.db'),
    'PRAGMA user_version = 7; PRAGMA application_id = 4711; CREATE TABLE t (a)',
  )
  await backUpThenChange(scene)
  restored(await scene.product().restoreBackup(scene.path('other.db'), { confirm: true }))
  expect(pragmaOf(scene.databasePath, 'user_version')).toBe(7)
  expect(pragmaOf(scene.databasePath, 'application_id')).toBe(4711)
})

test.each(['wal', 'delete'] as const)(
  'the backup of an empty file empties the database (%s)',
  async journalMode => {
    const scene = openScene()
    mkdirSync(scene.path('data'))
    writeFileSync(scene.databasePath, '')
    succeeded(await scene.product().createBackup())
    await backUpThenChange(openSceneAt(scene), { now: { journalMode } })
    const empty = (await scene.product().listBackups()).find(({ size }) => size === 0)
    const result = restored(await scene.product().restoreBackup(empty?.filename ?? '', { confirm: true }))
    expect(result).toMatchObject({ way: 'transaction', comparison: 'equal' })
    expect(contentOf(scene.databasePath)).toEqual({ schema: [] })
    expect(pragmaOf(scene.databasePath, 'integrity_check')).toBe('ok')

    const copy = scene.path('copy.db')
    restored(await scene.product().restoreBackup(empty?.filename ?? '', { to: copy }))
    expect(statSync(copy).size).toBe(0)
  },
)

test('a large backup over a small database, and a small one over a large', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const large = scene.path('large.db')
  buildDatabase(large, 'CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(40000000))')
  const first = restored(await scene.product().restoreBackup(large, { confirm: true }))
  expect(contentLength(scene.databasePath)).toBe(40_000_000)
  restored(await scene.product().restoreBackup('latest', { confirm: true }))
  expectCommit(scene.databasePath, BACKED_UP)
  expect(statSync(scene.databasePath).size).toBeLessThan(1_000_000)
  restored(await scene.product().restoreBackup(first.preRestoreBackup?.filename ?? '', { confirm: true }))
  expectCommit(scene.databasePath, NOW)
})

test.each(['wal', 'delete'] as const)(
  'an image beyond 1 GiB is restored, without the page that SQLite uses for its locks (%s)',
  async journalMode => {
    const scene = openScene()
    await backUpThenChange(scene, { now: { journalMode, pageSize: 65_536 } })
    const huge = scene.path('huge.db')
    buildBeyondLockPage(huge)
    const { comparison } = restored(await scene.product().restoreBackup(huge, { confirm: true }))
    expect(comparison).toBe('equal')
    expect(statSync(scene.databasePath).size).toBeGreaterThan(1 << 30)
    const connection = new DatabaseSync(scene.databasePath, { readOnly: true })
    expect(connection.prepare('SELECT count(*) AS n, sum(length(b)) AS b FROM beyond').get()).toEqual({
      n: 20,
      b: 2_000_000,
    })
    expect(connection.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    connection.close()
  },
)

const FREE_PAGES_PER_TRUNK = 16_000

/** A sparse file: all pages up to the lock page are on the free list, and a table lies beyond it. */
function buildBeyondLockPage(path: string): void {
  const pageSize = 65_536
  const lockPage = (1 << 30) / pageSize + 1
  buildDatabase(path, 'CREATE TABLE small (a)', { journalMode: 'delete', pageSize })
  const firstFree = statSync(path).size / pageSize + 1
  patchHeader(path, { [PAGE_COUNT]: lockPage - 1 })
  truncateSync(path, (lockPage - 1) * pageSize)
  const connection = new DatabaseSync(path)
  connection.exec(`
    CREATE TABLE beyond (a INTEGER PRIMARY KEY, b BLOB);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
    INSERT INTO beyond SELECT i, zeroblob(100000) FROM n;
  `)
  expect(connection.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'beyond'").get()).toEqual({
    rootpage: lockPage + 1,
  })
  connection.close()
  const fd = openSync(path, 'r+')
  for (let trunk = firstFree; trunk < lockPage; trunk += FREE_PAGES_PER_TRUNK + 1) {
    const leaves = Math.min(FREE_PAGES_PER_TRUNK, lockPage - 1 - trunk)
    const next = trunk + leaves + 1
    const page = Buffer.alloc(pageSize)
    page.writeUInt32BE(next < lockPage ? next : 0, 0)
    page.writeUInt32BE(leaves, 4)
    for (let leaf = 0; leaf < leaves; leaf++) page.writeUInt32BE(trunk + 1 + leaf, 8 + 4 * leaf)
    writeSync(fd, page, 0, pageSize, (trunk - 1) * pageSize)
  }
  closeSync(fd)
  patchHeader(path, { [FIRST_FREE_TRUNK]: firstFree, [FREE_PAGE_COUNT]: lockPage - firstFree })
}

/** Offsets in the database header: sqlite.org/fileformat2.html, section 1.3. */
const PAGE_COUNT = 28
const FIRST_FREE_TRUNK = 32
const FREE_PAGE_COUNT = 36

function patchHeader(path: string, values: Readonly<Record<number, number>>): void {
  const fd = openSync(path, 'r+')
  for (const [offset, value] of Object.entries(values)) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    writeSync(fd, bytes, 0, 4, Number(offset))
  }
  closeSync(fd)
}

test('a backup file that is longer than the database in it is restored', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  const longer = scene.path('longer.db')
  copyFileSync(created.backupPath, longer)
  truncateSync(longer, statSync(longer).size + 100_000)
  restored(await scene.product().restoreBackup(longer, { confirm: true }))
  expectCommit(scene.databasePath, BACKED_UP)
})

function contentLength(path: string): unknown {
  return withCopy(path, connection => connection.prepare('SELECT length(a) AS n FROM t').get()?.['n'])
}

/** The same directory, for a second database in it. */
function openSceneAt(scene: ReturnType<typeof openScene>): ReturnType<typeof openScene> {
  removeDatabase(scene.databasePath)
  return openScene(scene.directory)
}
