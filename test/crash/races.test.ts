/** Several processes at work in one backup directory at once. */
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { assertIntact } from '../support/intact.ts'
import { WriterProcess } from '../support/writer-process.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  leftoversIn,
  NOW,
  openScene,
  type Scene,
} from '../restore/scene.ts'
import type { Order } from './operation.ts'
import { runOperation } from './run-operation.ts'

const RACERS = 4

async function race(scene: Scene, operations: readonly Order['operation'][], backup: string): Promise<void> {
  const outcomes = await Promise.all(
    operations.map(operation => runOperation(scene, { operation, backup, engine: 'here' })),
  )
  expect(outcomes.map(({ answer }) => answer)).toEqual(operations.map(() => 'success'))
  expect(leftoversIn(scene.directory)).toEqual([])
  for (const listed of await scene.product().listBackups()) {
    expect(listed.metadataState).toBe('ok')
    expect(await scene.product().verifyBackup(listed.filename)).toMatchObject({ status: 'intact' })
  }
}

test.each(['wal', 'delete'] as const)(
  'backups made at once by several processes are all kept, under names of their own (%s)',
  async journalMode => {
    const scene = openScene()
    const created = await backUpThenChange(scene, { now: { journalMode } })
    await race(scene, Array<'create'>(RACERS).fill('create'), created.filename)
    const backups = await scene.product().listBackups()
    expect(backups).toHaveLength(1 + RACERS)
    expect(backups.map(({ path }) => assertIntact(path).commits)).toEqual([NOW, NOW, NOW, NOW, BACKED_UP])
  },
)

test.each(['wal', 'delete'] as const)(
  'restores begun at once follow one another, each keeping what the one before restored (%s)',
  async journalMode => {
    const scene = openScene()
    const created = await backUpThenChange(scene, { now: { journalMode } })
    await race(scene, Array<'restore'>(RACERS).fill('restore'), created.filename)
    expectCommit(scene.databasePath, BACKED_UP)
    const kept = await scene.product().listBackups({ type: 'pre_restore' })
    expect(kept.map(({ path }) => assertIntact(path).commits)).toEqual([BACKED_UP, BACKED_UP, BACKED_UP, NOW])
  },
)

test.each(['wal', 'delete'] as const)(
  'a backup and a restore begun at once both succeed, and the backup is of before or after (%s)',
  async journalMode => {
    const scene = openScene()
    const created = await backUpThenChange(scene, { now: { journalMode } })
    await race(scene, ['restore', 'create', 'restore', 'create'], created.filename)
    expectCommit(scene.databasePath, BACKED_UP)
    const backups = await scene.product().listBackups()
    expect(backups).toHaveLength(5)
    for (const { path } of backups) expect([NOW, BACKED_UP]).toContain(assertIntact(path).commits)
    expect(backups.filter(({ path }) => assertIntact(path).commits === NOW)).not.toEqual([])
  },
)

test('two backup directories for one database do not disturb each other', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  const other = { backupDir: scene.path('other-backups'), backup: created.backupPath }
  const outcomes = await Promise.all([
    runOperation(scene, { operation: 'restore', backup: created.filename }),
    runOperation(scene, { operation: 'restore', ...other }),
    runOperation(scene, { operation: 'create' }),
    runOperation(scene, { operation: 'create', ...other }),
  ])
  expect(outcomes.map(({ answer }) => answer)).toEqual(['success', 'success', 'success', 'success'])
  expectCommit(scene.databasePath, BACKED_UP)
  expect(leftoversIn(dirname(scene.backupDir))).toEqual([])
})

test('operations of several processes succeed while another writes without pause', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  const writer = await WriterProcess.start(scene.databasePath, scene.directory)
  await race(scene, ['create', 'restore', 'create', 'restore'], created.filename)
  expect(await writer.stop()).toBe('')
  expectCommit(scene.databasePath, writer.acknowledged)
})
