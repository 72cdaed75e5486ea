/** The host of an engine process is killed: everything that it started ends by itself. */
import { expect } from 'vitest'
import { buildDatabase } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  leftoversIn,
  NOW,
  openScene,
  restored,
  succeeded,
} from '../restore/scene.ts'
import { assertIntact } from '../support/intact.ts'
import { runOperation } from './run-operation.ts'

const LARGE = 'CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(100000000))'

testWith(
  ['linux'],
  'a host that is killed in the middle of a backup takes its engine along, and no backup is listed',
  async () => {
    for (const killAt of ['copy-image', 'check-image']) {
      const scene = openScene()
      await backUpThenChange(scene)
      const large = scene.path('large.db')
      buildDatabase(large, LARGE)
      const outcome = await runOperation(scene, {
        operation: 'create',
        engine: 'process',
        path: large,
        backupDir: scene.path('large-backups'),
        killAt,
      })
      expect(outcome.signal).toBe('SIGKILL')
      // Only here because every process it had started has ended.
      const product = scene.product({ path: large, backupDir: scene.path('large-backups') })
      expect(await product.listBackups()).toEqual([])
      succeeded(await product.createBackup({ check: 'none' }))
      expect(leftoversIn(scene.directory)).toEqual([])
    }
  },
)

testWith(['linux'], 'a host that is killed in the middle of a restore leaves a whole database', async () => {
  for (const killAt of ['pre-restore-backup', 'apply-image', 'compare-target', 'settle-target']) {
    const scene = openScene()
    await backUpThenChange(scene)
    const outcome = await runOperation(scene, { operation: 'restore', engine: 'process', killAt })
    expect(outcome.signal).toBe('SIGKILL')
    expect([NOW, BACKED_UP]).toContain(assertIntact(scene.databasePath).commits)
    restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expectCommit(scene.databasePath, BACKED_UP)
    expect(leftoversIn(scene.directory)).toEqual([])
  }
})
