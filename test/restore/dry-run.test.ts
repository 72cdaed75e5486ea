import { rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { RestorePlan } from '../../src/index.ts'
import { openDatabase } from '../support/databases.ts'
import { HALF_TRANSACTION, HOLD_OPEN, startScript } from '../support/scripts.ts'
import {
  backUpThenChange,
  type Forms,
  openScene,
  removeDatabase,
  type Scene,
  succeeded,
  treeOf,
} from './scene.ts'

/** Plans a restore, which must touch nothing at all. */
async function plan(scene: Scene, backup = 'latest', to?: string): Promise<RestorePlan> {
  const before = treeOf(scene.directory, { withTimes: true })
  const result = succeeded(
    await scene.product().restoreBackup(backup, { dryRun: true, ...(to === undefined ? {} : { to }) }),
  )
  expect(treeOf(scene.directory, { withTimes: true })).toEqual(before)
  if (!result.dryRun) throw new Error('this was no dry run')
  return result
}

async function openPlanScene(forms: Forms = {}): Promise<Scene> {
  const scene = openScene()
  await backUpThenChange(scene, forms)
  return scene
}

test.each(['wal', 'delete'] as const)(
  'a dry run says what a restore would do, and touches nothing (%s)',
  async journalMode => {
    const scene = await openPlanScene({ now: { journalMode } })
    const result = await plan(scene)
    expect(result).toMatchObject({
      dryRun: true,
      target: 'database',
      way: 'transaction',
      targetPath: scene.databasePath,
      preRestoreBackup: true,
      backup: { type: 'manual' },
    })
    expect(result.targetSizeBytes).toBeGreaterThan(100_000)
    expect(result.neededBytes).toBeGreaterThan(result.targetSizeBytes)
  },
)

test('a dry run needs no confirmation and makes no backup directory', async () => {
  const scene = await openPlanScene()
  const backup = (await scene.product().listBackups())[0]?.path ?? ''
  const elsewhere = scene.product({ backupDir: scene.path('not', 'there') })
  const before = treeOf(scene.directory, { withTimes: true })
  succeeded(await elsewhere.restoreBackup(backup, { dryRun: true }))
  succeeded(await elsewhere.restoreBackup(backup, { dryRun: true, to: scene.path('a', 'b.db') }))
  expect(treeOf(scene.directory, { withTimes: true })).toEqual(before)
})

test('a dry run over nothing, over garbage and over an empty file touches nothing', async () => {
  const scene = await openPlanScene()
  writeFileSync(scene.databasePath, 'garbage')
  expect(await plan(scene)).toMatchObject({ target: 'unreadable', way: 'replace', preRestoreBackup: false })
  writeFileSync(scene.databasePath, '')
  expect(await plan(scene)).toMatchObject({ target: 'database', way: 'transaction', targetSizeBytes: 0 })
  removeDatabase(scene.databasePath)
  expect(await plan(scene)).toMatchObject({ target: 'missing', way: 'replace', targetSizeBytes: 0 })
  rmSync(scene.path('data'), { recursive: true })
  expect(await plan(scene)).toMatchObject({ target: 'missing', way: 'replace' })
})

test('a dry run leaves a database that is open, its WAL and its WAL index as they are', async () => {
  const scene = await openPlanScene()
  const app = openDatabase(scene.databasePath)
  app.exec('CREATE TABLE more AS SELECT 1')
  const before = treeOf(scene.directory, { withTimes: true })
  expect(succeeded(await scene.product().restoreBackup('latest', { dryRun: true }))).toMatchObject({
    way: 'transaction',
  })
  const after = treeOf(scene.directory, { withTimes: true })
  // Readers mark their place in the WAL index, which is memory that processes share.
  for (const tree of [before, after]) delete tree['data/app.db-shm']
  expect(after).toEqual(before)
  app.close()
})

test('a dry run leaves a hot journal for the next to open the database', async () => {
  const scene = await openPlanScene({ now: { journalMode: 'delete' } })
  const app = await startScript(HALF_TRANSACTION, [
    scene.databasePath,
    'UPDATE payload SET content = zeroblob(20000)',
  ])
  await app.kill()
  expect(await plan(scene)).toMatchObject({ target: 'database', way: 'transaction' })
})

test('a dry run leaves the WAL of a killed process', async () => {
  const scene = await openPlanScene()
  const app = await startScript(HOLD_OPEN, [scene.databasePath, 'CREATE TABLE more AS SELECT 1'])
  await app.kill()
  const before = treeOf(scene.directory, { withTimes: true })
  succeeded(await scene.product().restoreBackup('latest', { dryRun: true }))
  const after = treeOf(scene.directory, { withTimes: true })
  for (const tree of [before, after]) delete tree['data/app.db-shm']
  expect(after).toEqual(before)
})
