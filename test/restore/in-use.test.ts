/** Restoring while an application has the database open. The test's process is that application; the engine is another. */
import { expect, test } from 'vitest'
import { assertIntact } from '../support/intact.ts'
import { type JournalMode, openDatabase } from '../support/databases.ts'
import { commitToLedger, ledgerProblems, readLedger } from '../support/ledger.ts'
import { WriterProcess } from '../support/writer-process.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  leftoversIn,
  NOW,
  openScene,
  pragmaOf,
  restored,
  type Scene,
} from './scene.ts'

const journalModes: readonly JournalMode[] = ['wal', 'delete', 'truncate', 'persist']

test.each(journalModes)('an open connection sees the restored content, and can write (%s)', async mode => {
  const scene = openScene()
  await backUpThenChange(scene, { backedUp: { journalMode: mode }, now: { journalMode: mode } })
  const app = openDatabase(scene.databasePath, { journalMode: mode })
  try {
    const statement = app.prepare('SELECT commits FROM state')
    expect(statement.get()).toEqual({ commits: NOW })
    const result = restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expect(result).toMatchObject({ way: 'transaction', comparison: 'equal', notes: [] })
    expect(statement.get()).toEqual({ commits: BACKED_UP })
    expect(ledgerProblems(app)).toEqual([])
    expect(commitToLedger(app)).toBe(BACKED_UP + 1)
  } finally {
    app.close()
  }
  expectCommit(scene.databasePath, BACKED_UP + 1)
})

test('an open connection sees tables come and go with the restore', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const app = openDatabase(scene.databasePath)
  try {
    app.exec('CREATE TABLE later (a); DROP TABLE payload')
    restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expect(() => app.prepare('SELECT * FROM later').all()).toThrow('no such table')
    expect(ledgerProblems(app)).toEqual([])
  } finally {
    app.close()
  }
})

test('in WAL mode a transaction that reads sees the old content until it ends', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const app = openDatabase(scene.databasePath)
  try {
    app.exec('BEGIN')
    expect(readLedger(app)).toEqual({ commits: NOW })
    restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expect(readLedger(app)).toEqual({ commits: NOW })
    expect(ledgerProblems(app)).toEqual([])
    app.exec('COMMIT')
    expect(readLedger(app)).toEqual({ commits: BACKED_UP })
  } finally {
    app.close()
  }
  expectCommit(scene.databasePath, BACKED_UP)
})

/** Runs a restore that must fail because the application holds the database, and checks that nothing came of it. */
async function expectLocked(scene: Scene): Promise<void> {
  const result = await scene.product({ waitForLockMs: 100 }).restoreBackup('latest', { confirm: true })
  expect(result).toMatchObject({
    success: false,
    code: 'DATABASE_LOCKED',
    message: expect.stringContaining(scene.databasePath),
    hint: expect.stringContaining('waitForLockMs'),
  })
  expect(leftoversIn(scene.directory)).toEqual([])
}

test.each(['wal', 'delete'] as const)(
  'a database that is held exclusively for longer than waitForLockMs stays as it is (%s)',
  async mode => {
    const scene = openScene()
    await backUpThenChange(scene, { now: { journalMode: mode } })
    const app = openDatabase(scene.databasePath, { journalMode: mode })
    app.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    await expectLocked(scene)
    app.exec('COMMIT')
    app.close()
    expectCommit(scene.databasePath, NOW)
  },
)

test.each(['wal', 'delete'] as const)(
  'a write transaction that lasts longer than waitForLockMs makes a restore fail, and commits whole (%s)',
  async mode => {
    const scene = openScene()
    await backUpThenChange(scene, { now: { journalMode: mode } })
    const app = openDatabase(scene.databasePath, { journalMode: mode })
    app.exec('BEGIN IMMEDIATE')
    await expectLocked(scene)
    app.exec("CREATE TABLE mine AS SELECT 'kept' AS a; COMMIT")
    app.close()
    expectCommit(scene.databasePath, NOW)
    expect(pragmaOf(scene.databasePath, "table_info('mine')")).not.toBeNull()
  },
)

test('in rollback mode a read transaction that lasts longer than waitForLockMs makes a restore fail', async () => {
  const scene = openScene()
  await backUpThenChange(scene, { now: { journalMode: 'delete' } })
  const app = openDatabase(scene.databasePath, { journalMode: 'delete' })
  app.exec('BEGIN')
  expect(readLedger(app)).toEqual({ commits: NOW })
  await expectLocked(scene)
  expect(ledgerProblems(app)).toEqual([])
  app.exec('COMMIT')
  expect(commitToLedger(app)).toBe(NOW + 1)
  app.close()
  expectCommit(scene.databasePath, NOW + 1)
})

test.each(['wal', 'delete'] as const)(
  'a restore waits for a write transaction that ends in time (%s)',
  async mode => {
    const scene = openScene()
    await backUpThenChange(scene, { now: { journalMode: mode } })
    const app = openDatabase(scene.databasePath, { journalMode: mode })
    let isHeld = false
    const result = await scene.product().restoreBackup('latest', {
      confirm: true,
      onProgress: ({ step }) => {
        if (step !== 'apply-image' || isHeld) return
        isHeld = true
        app.exec('BEGIN IMMEDIATE')
        setTimeout(() => app.exec('COMMIT'), 200)
      },
    })
    expect(isHeld).toBe(true)
    expect(restored(result).comparison).toBe('equal')
    expect(readLedger(app)).toEqual({ commits: BACKED_UP })
    app.close()
    expectCommit(scene.databasePath, BACKED_UP)
  },
)

test.each(journalModes)(
  'under a writer that never pauses every restored state is one commit, and nothing is mixed (%s)',
  async mode => {
    const scene = openScene()
    await backUpThenChange(scene, { backedUp: { journalMode: mode }, now: { journalMode: mode } })
    const writer = await WriterProcess.start(scene.databasePath, scene.directory)
    const product = scene.product()
    for (let round = 0; round < 5; round++) {
      const result = restored(await product.restoreBackup('latest', { confirm: true }))
      expect(['equal', 'changed-since']).toContain(result.comparison)
      const kept = result.preRestoreBackup?.path ?? ''
      expect(assertIntact(kept).commits).toBeGreaterThanOrEqual(round === 0 ? NOW + 1 : BACKED_UP)
      await writer.commitsBeyond(BACKED_UP)
    }
    expect(await writer.stop()).toBe('')
    // The writer went on from the commit that was restored; it and the database agree on where they are.
    expectCommit(scene.databasePath, writer.acknowledged)
    expect(leftoversIn(scene.directory)).toEqual([])
  },
)
