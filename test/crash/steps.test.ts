/** SIGKILL at every named step of a backup and of a restore; in a selection at some: at every system call, see test/faults. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { select } from '../faults/extent.ts'
import { assertIntact } from '../support/intact.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  leftoversIn,
  NOW,
  openScene,
  removeDatabase,
  restored,
  type Scene,
  succeeded,
  treeOf,
} from '../restore/scene.ts'
import { runOperation } from './run-operation.ts'

interface Scenario {
  readonly title: string
  readonly operation: 'create' | 'restore'
  readonly prepare: (scene: Scene) => Promise<unknown>
  /** Asserts what may be found at the database's path. */
  readonly check: (scene: Scene) => void
}

const GARBAGE = Buffer.alloc(10_000, 'garbage ')

const isUntouched = ({ databasePath }: Scene): void => expectCommit(databasePath, NOW)
const isOldOrNew = ({ databasePath }: Scene): void =>
  expect([NOW, BACKED_UP]).toContain(assertIntact(databasePath).commits)

/** So many steps are visited when not all are. */
const SELECTED = 4

const scenarios: readonly Scenario[] = [
  {
    title: 'a backup in WAL mode',
    operation: 'create',
    prepare: scene => backUpThenChange(scene),
    check: isUntouched,
  },
  {
    title: 'a backup in rollback mode',
    operation: 'create',
    prepare: scene => backUpThenChange(scene, { now: { journalMode: 'delete' } }),
    check: isUntouched,
  },
  {
    title: 'a restore over a database in WAL mode',
    operation: 'restore',
    prepare: scene => backUpThenChange(scene),
    check: isOldOrNew,
  },
  {
    title: 'a restore over a database in rollback mode',
    operation: 'restore',
    prepare: scene =>
      backUpThenChange(scene, { backedUp: { journalMode: 'delete' }, now: { journalMode: 'delete' } }),
    check: isOldOrNew,
  },
  {
    title: 'a restore over a database with another page size',
    operation: 'restore',
    prepare: scene => backUpThenChange(scene, { now: { pageSize: 1024 } }),
    check: isOldOrNew,
  },
  {
    title: 'a restore over garbage',
    operation: 'restore',
    async prepare(scene) {
      await backUpThenChange(scene)
      writeFileSync(scene.databasePath, GARBAGE)
    },
    check({ databasePath, directory }) {
      const found = treeOf(join(directory, 'data'))['app.db']
      writeFileSync(join(directory, 'garbage'), GARBAGE)
      if (found !== treeOf(directory)['garbage']) expectCommit(databasePath, BACKED_UP)
    },
  },
  {
    title: 'a restore where nothing is',
    operation: 'restore',
    async prepare(scene) {
      await backUpThenChange(scene)
      removeDatabase(scene.databasePath)
    },
    check({ databasePath, path }) {
      if ('app.db' in treeOf(path('data'))) expectCommit(databasePath, BACKED_UP)
    },
  },
]

test.each(scenarios)(
  '$title that is killed at any step does no harm, and the next one succeeds',
  async scenario => {
    const undisturbed = await prepared(scenario)
    const { steps, answer } = await runOperation(undisturbed, { operation: scenario.operation })
    expect(answer).toBe('success')
    expect(steps.length).toBeGreaterThan(7)

    const chosen = select(steps, SELECTED)
    const killed: string[] = []
    for (const step of chosen) {
      const scene = await prepared(scenario)
      const existing = treeOf(scene.backupDir, { withTimes: true })
      const outcome = await runOperation(scene, { operation: scenario.operation, killAt: step })
      expect(outcome.signal, step).toBe('SIGKILL')
      killed.push(outcome.steps.at(-1) ?? '')

      scenario.check(scene)
      expect(treeOf(scene.backupDir, { withTimes: true }), step).toMatchObject(filesOnly(existing))
      await expectAllListedIntact(scene)
      await runAgain(scene, scenario.operation)
      expect(leftoversIn(scene.directory), step).toEqual([])
      await expectAllListedIntact(scene)
    }
    expect(new Set(killed)).toEqual(new Set(chosen))
  },
  300_000,
)

async function prepared(scenario: Scenario): Promise<Scene> {
  const scene = openScene()
  await scenario.prepare(scene)
  return scene
}

/** The lock file's time says who came last; that may change. */
function filesOnly(tree: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(tree).filter(([name]) => !name.includes('.chame-backup.lock')))
}

async function expectAllListedIntact(scene: Scene): Promise<void> {
  const product = scene.product()
  const listed = await product.listBackups()
  expect(listed.length).toBeGreaterThan(0)
  for (const { filename, path } of listed) {
    expect(await product.verifyBackup(filename), filename).toMatchObject({ status: 'intact', problems: [] })
    expect([NOW, BACKED_UP]).toContain(assertIntact(path).commits)
  }
}

async function runAgain(scene: Scene, operation: 'create' | 'restore'): Promise<void> {
  const product = scene.product()
  if (operation === 'create') {
    expectCommit(succeeded(await product.createBackup()).backupPath, NOW)
    return
  }
  restored(await product.restoreBackup('latest', { confirm: true }))
  expectCommit(scene.databasePath, BACKED_UP)
}
