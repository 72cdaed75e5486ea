/** Backups that are stored by their pages, through every operation. */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { listPacks } from '../../src/blocks/store.ts'
import { CatalogLock } from '../../src/catalog/lock.ts'
import { Database, type DatabaseOptions } from '../../src/index.ts'
import { createBackup } from '../../src/operations/create-backup.ts'
import { buildLedger, type JournalMode, openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { contextOf } from '../support/operation.ts'
import { backUp, failedWith, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const BLOCKS = { encoding: 'blocks' } as const

interface Scene {
  readonly directory: string
  readonly path: string
  readonly backupDir: string
  readonly database: Database
}

function openScene(journalMode: JournalMode = 'wal', options: DatabaseOptions = {}): Scene {
  const directory = temporaryDirectory()
  const path = join(directory, 'app.db')
  const backupDir = join(directory, 'backups')
  buildLedger(path, { journalMode, commits: 20 })
  return {
    directory,
    path,
    backupDir,
    database: new Database({ path, backupDir, engine: 'here', ...options }),
  }
}

function commit({ path }: Scene, times: number): void {
  const connection = openDatabase(path)
  for (let i = 0; i < times; i++) commitToLedger(connection)
  connection.close()
}

async function packBytes({ backupDir }: Scene): Promise<number> {
  return (await listPacks({ backupDir })).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

for (const journalMode of ['wal', 'delete'] as const) {
  test(`every backup of a database in ${journalMode} mode restores to the commit that it was made of`, async () => {
    const scene = openScene(journalMode)
    const live = openDatabase(scene.path, { journalMode })
    const made: string[] = []
    for (let number = 0; number < 4; number++) {
      // In WAL mode most of it is only in the log.
      for (let i = 0; i < 5; i++) commitToLedger(live)
      const { backupPath, metadata } = succeeded(await scene.database.createBackup(BLOCKS))
      expect(metadata).toMatchObject({ encoding: 'blocks', check: 'quick', tables: { state: 1 } })
      expect(metadata.file_size).toBe(readFileSync(backupPath).length)
      made.push(backupPath)
    }
    for (const [number, backup] of made.entries()) {
      const to = join(scene.directory, `restored-${number}.db`)
      expect(succeeded(await scene.database.restoreBackup(backup, { to }))).toMatchObject({
        comparison: 'equal',
      })
      expect(assertIntact(to).commits).toBe(20 + 5 * (number + 1))
    }
    live.close()
    expect(succeeded(await scene.database.verifyBackup('latest'))).toMatchObject({
      status: 'intact',
      lookedAt: 'image',
    })
    expect(succeeded(await scene.database.drillBackup())).toMatchObject({ status: 'passed' })
    const output = join(scene.directory, 'out.json')
    expect(succeeded(await scene.database.exportData({ from: 'latest', output })).success).toBe(true)
  })
}

test('a second backup adds what has changed, and metadata say how much that was', async () => {
  const scene = openScene()
  const first = succeeded(await scene.database.createBackup(BLOCKS)).metadata
  commit(scene, 1)
  const second = succeeded(await scene.database.createBackup(BLOCKS)).metadata
  expect(first.added_bytes).toBeGreaterThan(second.added_bytes ?? 0)
  const files = (first.added_bytes ?? 0) + (second.added_bytes ?? 0) - first.file_size - second.file_size
  expect(await packBytes(scene)).toBe(files)
  expect(succeeded(await scene.database.info()).store).toEqual({ packs: 2, sizeBytes: files })
})

test('a database that nobody touched is not read again, and one commit is enough to be noticed', async () => {
  const scene = openScene()
  const live = openDatabase(scene.path)
  const commits: number[] = []
  const ways: string[] = []
  for (let number = 0; number < 6; number++) {
    if (number % 2 === 0) commitToLedger(live)
    // So much later that every time of a file has settled.
    const now = new Date(Date.now() + (number + 1) * 60_000)
    const context = contextOf({ path: scene.path, now: () => now })
    const made = await createBackup(BLOCKS, context)
    context.sqlite.kill()
    ways.push(made.snapshotWay)
    const to = join(scene.directory, `restored-${number}.db`)
    succeeded(await scene.database.restoreBackup(made.backupPath, { to }))
    commits.push(assertIntact(to).commits)
    expect(made.metadata).toMatchObject({ check: 'quick', tables: { state: 1 } })
    expect(typeof made.metadata.verified_at).toBe('string')
  }
  live.close()
  expect(ways).toEqual(['wal', 'unchanged', 'wal', 'unchanged', 'wal', 'unchanged'])
  expect(commits).toEqual([21, 21, 22, 22, 23, 23])
})

test('a database that changed a moment before a backup is read again for the next one', async () => {
  const scene = openScene()
  commit(scene, 1)
  for (let number = 0; number < 2; number++) {
    const { snapshotWay } = succeeded(await scene.database.createBackup(BLOCKS))
    expect(snapshotWay).toBe('wal')
  }
})

test('a deeper check than that of the backup before is made, even if nothing has changed', async () => {
  const scene = openScene()
  const now = new Date(Date.now() + 60_000)
  for (const check of ['none', 'quick', 'full'] as const) {
    const context = contextOf({ path: scene.path, now: () => now })
    const made = await createBackup({ ...BLOCKS, check }, context)
    context.sqlite.kill()
    expect(made.snapshotWay).toBe('wal')
    expect(made.metadata.verified_at === null).toBe(check === 'none')
    expect(made.metadata.tables === undefined).toBe(check === 'none')
  }
})

test('a damaged database makes no backup, and its image is kept on request', async () => {
  const scene = openScene()
  succeeded(await scene.database.createBackup(BLOCKS))
  const bytes = readFileSync(scene.path)
  bytes.fill(0xee, 4096 * 3, 4096 * 4)
  writeFileSync(scene.path, bytes)
  failedWith('DATABASE_DAMAGED', await scene.database.createBackup(BLOCKS))
  expect(await scene.database.listBackups()).toHaveLength(1)
  const failure = failedWith(
    'DATABASE_DAMAGED',
    await scene.database.createBackup({ ...BLOCKS, keepDamaged: true }),
  )
  const kept = /kept: (.+\.db\.damaged)/.exec(failure.hint ?? '')?.[1] ?? ''
  expect(readFileSync(kept).equals(bytes)).toBe(true)
})

test('deleting and cleaning up give back the space of what no backup relies on, and say how much', async () => {
  const scene = openScene()
  const made: string[] = []
  for (let number = 0; number < 5; number++) {
    commit(scene, 30)
    made.push(succeeded(await scene.database.createBackup({ ...BLOCKS, backupType: 'daily' })).backupPath)
  }
  const before = await packBytes(scene)
  const size = readFileSync(made[1] ?? '').length
  const deleted = succeeded(await scene.database.deleteBackup(made[1] ?? '', { confirm: true }))
  expect(deleted.packs?.status).toBe('done')
  expect(before - (await packBytes(scene))).toBe(deleted.freedBytes - size)
  const left = await packBytes(scene)
  const cleaned = succeeded(await scene.database.cleanupOldBackups({ policy: { daily: { keepLast: 1 } } }))
  expect(cleaned.deleted).toHaveLength(3)
  const files = cleaned.deleted.reduce((sum, { backup }) => sum + backup.size, 0)
  expect(left - (await packBytes(scene))).toBe(cleaned.freedBytes - files)
  expect(cleaned.packs?.freedBytes).toBeGreaterThan(0)
  expect(succeeded(await scene.database.verifyStore())).toMatchObject({ status: 'intact', backups: 1 })
  succeeded(await scene.database.restoreBackup('latest', { to: join(scene.directory, 'restored.db') }))
  expect(assertIntact(join(scene.directory, 'restored.db')).commits).toBe(170)
})

test('a lost pack is named with the backups that it hurts; they verify as damaged, and are not restored', async () => {
  const scene = openScene()
  const first = succeeded(await scene.database.createBackup(BLOCKS)).backupPath
  commit(scene, 1)
  const second = succeeded(await scene.database.createBackup(BLOCKS)).backupPath
  const packs = (await listPacks(scene)).toSorted((a, b) => a.sizeBytes - b.sizeBytes)
  rmSync(packs[0]?.path ?? '')
  const verified = succeeded(await scene.database.verifyStore({ sample: '1/30' }))
  expect(verified.status).toBe('damaged')
  expect(verified.problems).toMatchObject([{ path: packs[0]?.path, hurts: [second] }])
  expect(succeeded(await scene.database.verifyBackup(second))).toMatchObject({
    status: 'damaged',
    problems: [{ code: 'NOT_DECODABLE' }],
  })
  const before = readFileSync(scene.path)
  failedWith('BACKUP_DAMAGED', await scene.database.restoreBackup(second, { confirm: true }))
  expect(readFileSync(scene.path).equals(before)).toBe(true)
  expect(succeeded(await scene.database.verifyBackup(first)).status).toBe('intact')
})

test('a backup whose own file is damaged keeps a clean-up from removing anything of packs, until it is deleted', async () => {
  const scene = openScene()
  const first = succeeded(await scene.database.createBackup(BLOCKS)).backupPath
  commit(scene, 40)
  succeeded(await scene.database.createBackup(BLOCKS))
  const bytes = readFileSync(first)
  bytes[90]! ^= 1
  writeFileSync(first, bytes)
  const before = await packBytes(scene)
  const cleaned = succeeded(await scene.database.cleanupOldBackups())
  expect(cleaned.packs).toMatchObject({ status: 'refused', problem: expect.stringContaining(first) })
  expect(await packBytes(scene)).toBe(before)
  const deleted = succeeded(await scene.database.deleteBackup(first, { confirm: true }))
  expect(deleted.packs).toMatchObject({ status: 'done' })
  expect(await packBytes(scene)).toBeLessThan(before)
  expect(succeeded(await scene.database.verifyStore()).status).toBe('intact')
})

test('backups are converted to pages and from them, and stay what they were', async () => {
  const scene = openScene()
  const original = succeeded(await scene.database.createBackup({ description: 'as it was' })).metadata
  for (const encoding of ['blocks', 'zstd', 'blocks', 'plain'] as const) {
    const { converted } = succeeded(await scene.database.convertBackups({ encoding }))
    expect(converted).toHaveLength(1)
    const metadata = converted[0]?.backup.metadata
    expect(metadata).toMatchObject({
      encoding,
      description: 'as it was',
      image_checksum: original.image_checksum,
    })
    expect(metadata?.added_bytes !== undefined).toBe(encoding === 'blocks')
    expect(succeeded(await scene.database.verifyBackup('latest')).status).toBe('intact')
  }
  expect(await scene.database.listBackups()).toHaveLength(1)
})

test('what a restore overwrites is stored by its pages too, where the configuration says so', async () => {
  const scene = openScene()
  const config = join(scene.directory, 'blocks.config.json')
  writeFileSync(config, JSON.stringify({ encoding: 'blocks' }))
  const { path, backupDir } = scene
  const database = new Database({ path, backupDir, config, engine: 'here' })
  succeeded(await database.createBackup())
  commit(scene, 3)
  const restored = succeeded(await database.restoreBackup('latest', { confirm: true }))
  expect(restored).toMatchObject({ preRestoreBackup: { encoding: 'blocks' } })
  expect(assertIntact(path).commits).toBe(20)
  const pre = restored.dryRun ? '' : (restored.preRestoreBackup?.path ?? '')
  succeeded(await database.restoreBackup(pre, { confirm: true }))
  expect(assertIntact(path).commits).toBe(23)
})

test('a share or a time that makes no sense is refused', async () => {
  const scene = openScene()
  for (const request of [
    { sample: '0%' },
    { sample: '101%' },
    { sample: '1/0' },
    { sample: 'some' },
    { time: '10 minutes' },
    { time: '0s' },
    { sample: '5%', time: '1m' },
  ])
    failedWith('INVALID_ARGUMENT', await scene.database.verifyStore(request))
})

test('a backup in another backup directory is restored from the packs that lie there', async () => {
  const scene = openScene()
  const { backupPath } = succeeded(await scene.database.createBackup(BLOCKS))
  const other = new Database({
    path: scene.path,
    backupDir: join(scene.directory, 'elsewhere'),
    engine: 'here',
  })
  const to = join(scene.directory, 'restored.db')
  succeeded(await other.restoreBackup(backupPath, { to }))
  expect(assertIntact(to).commits).toBe(20)
  // Copied away by itself it is of no use, and says what is missing.
  const alone = join(scene.directory, 'alone.db.blocks')
  copyFileSync(backupPath, alone)
  const failure = failedWith('BACKUP_DAMAGED', await other.restoreBackup(alone, { to: `${to}.2` }))
  expect(failure.message).toContain('a pack is missing')
  expect(dirname(backupPath)).toContain(scene.backupDir)
})

test('creating, restoring, verifying and cleaning up at once, from two processes, do each other no harm', async () => {
  const scene = openScene()
  const { path, backupDir } = scene
  const { filename } = await backUp(path, BLOCKS, { backupDir, engine: 'here' })
  const [here, there] = (['here', 'process'] as const).map(
    engine => new Database({ path, backupDir, engine }),
  ) as [Database, Database]
  for (let round = 0; round < 3; round++) {
    commit(scene, 10)
    const results = await Promise.all([
      here.createBackup({ ...BLOCKS, backupType: 'daily' }),
      there.createBackup(BLOCKS),
      there.cleanupOldBackups({ policy: { daily: { keepLast: 1 } } }),
      here.verifyStore(),
      // Not the newest: a daily one may be cleaned up before it is restored.
      here.restoreBackup(filename, { to: join(scene.directory, `restored-${round}.db`) }),
    ])
    for (const result of results) succeeded<{ success: true }>(result)
    expect(results[3]).toMatchObject({ status: 'intact' })
    assertIntact(join(scene.directory, `restored-${round}.db`))
  }
  expect(succeeded(await scene.database.verifyStore())).toMatchObject({ status: 'intact' })
  for (const { path: backup } of await scene.database.listBackups())
    expect(succeeded(await scene.database.verifyBackup(backup)).status).toBe('intact')
})

test('readers share the lock of the packs, and a clean-up has it for itself', () => {
  const path = join(temporaryDirectory(), 'lock')
  {
    using one = CatalogLock.tryShare(path)
    using two = CatalogLock.tryShare(path)
    expect([one, two]).not.toContain(null)
    expect(CatalogLock.tryAcquire(path)).toBeNull()
  }
  using alone = CatalogLock.tryAcquire(path)
  expect(alone).not.toBeNull()
  expect(CatalogLock.tryShare(path)).toBeNull()
})
