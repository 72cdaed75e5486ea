/** Restores that are cancelled or fail on the way: the target is whole, old or new as the result says, and nothing is left behind. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import type { Progress } from '../../src/index.ts'
import { select } from '../faults/extent.ts'
import { holdEngines } from '../support/held-engines.ts'
import { commitToLedger } from '../support/ledger.ts'
import { testWith } from '../support/requirements.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  flipByte,
  leftoversIn,
  NOW,
  openScene,
  pragmaOf,
  restored,
  type Scene,
  treeOf,
} from './scene.ts'

holdEngines()

interface Way {
  readonly name: string
  readonly prepare: (scene: Scene) => Promise<void>
  readonly isOld: (scene: Scene) => void
  /** The steps from which there is no way back: others may use what is there by then. */
  readonly beyondRecall: readonly string[]
}

/** The transaction is committed. */
const COMMITTED: readonly string[] = ['compare-target', 'settle-target']

const isOldLedger = (scene: Scene): void => expectCommit(scene.databasePath, NOW)
const GARBAGE = Buffer.alloc(10_000, 'garbage ')

const ways: readonly Way[] = [
  {
    name: 'over a database in WAL mode',
    prepare: async scene => void (await backUpThenChange(scene)),
    isOld(scene) {
      isOldLedger(scene)
      expect(pragmaOf(scene.databasePath, 'journal_mode')).toBe('wal')
    },
    beyondRecall: COMMITTED,
  },
  {
    name: 'over a database in rollback mode',
    prepare: async scene => void (await backUpThenChange(scene, { now: { journalMode: 'delete' } })),
    isOld(scene) {
      isOldLedger(scene)
      expect(pragmaOf(scene.databasePath, 'journal_mode')).toBe('delete')
    },
    beyondRecall: COMMITTED,
  },
  {
    name: 'over a database with another page size',
    prepare: async scene => void (await backUpThenChange(scene, { now: { pageSize: 1024 } })),
    isOld(scene) {
      isOldLedger(scene)
      expect(pragmaOf(scene.databasePath, 'page_size')).toBe(1024)
      expect(pragmaOf(scene.databasePath, 'journal_mode')).toBe('wal')
    },
    beyondRecall: COMMITTED,
  },
  {
    name: 'over garbage',
    async prepare(scene) {
      await backUpThenChange(scene)
      writeFileSync(scene.databasePath, GARBAGE)
    },
    isOld: scene => expect(readFileSync(scene.databasePath).equals(GARBAGE)).toBe(true),
    // Without its side files the old one may be another database already.
    beyondRecall: ['remove-side-files', 'replace-target'],
  },
]

/** The steps of an undisturbed restore in this process. */
async function stepsOf(way: Way): Promise<string[]> {
  const scene = openScene()
  await way.prepare(scene)
  const steps: string[] = []
  const onProgress = ({ step }: Progress): void => void (steps.includes(step) || steps.push(step))
  restored(await scene.product({ engine: 'here' }).restoreBackup('latest', { confirm: true, onProgress }))
  return steps
}

describe.each(ways)('a restore $name', way => {
  test.each(['here', 'process'] as const)(
    'can be cancelled at every step until there is no way back (engine: %s)',
    engine => cancelAtEveryStep(way, engine),
  )
})

async function cancelAtEveryStep(way: Way, engine: 'here' | 'process'): Promise<void> {
  const steps = await stepsOf(way)
  expect(steps.length).toBeGreaterThan(8)
  const restoredAt: string[] = []
  // Where the word has to go to another process first, a selection visits some.
  const chosen = engine === 'here' ? steps : select(steps, 6)
  for (const wanted of chosen) {
    const scene = openScene()
    await way.prepare(scene)
    const controller = new AbortController()
    const onProgress = ({ step }: Progress): void => {
      if (step === wanted) controller.abort()
    }
    const result = await scene
      .product({ engine })
      .restoreBackup('latest', { confirm: true, onProgress, signal: controller.signal })
    if (result.success) {
      restoredAt.push(wanted)
      expectCommit(scene.databasePath, BACKED_UP)
    } else {
      expect(result, wanted).toMatchObject({ code: 'CANCELLED' })
      way.isOld(scene)
    }
    expect(leftoversIn(scene.directory), wanted).toEqual([])
    expect(foreignFilesIn(scene), wanted).toEqual([])
    for (const { filename } of await scene.product().listBackups()) {
      expect(await scene.product().verifyBackup(filename), wanted).toMatchObject({ status: 'intact' })
    }
  }
  if (engine === 'here') return expect(restoredAt).toEqual(way.beyondRecall)
  // On its way to another process the word is in time as long as what is there has still to be backed up.
  const inTime = steps.slice(0, 1 + steps.indexOf('pre-restore-backup'))
  expect(inTime.length).toBeGreaterThan(4)
  expect(chosen.filter(step => inTime.includes(step)).length).toBeGreaterThan(1)
  expect(restoredAt.filter(step => inTime.includes(step))).toEqual([])
  const late = chosen.filter(step => way.beyondRecall.includes(step))
  expect(late.length).toBeGreaterThan(0)
  expect(restoredAt).toEqual(expect.arrayContaining(late))
}

/** What lies beside the database and is no side file, which SQLite may leave when its process is killed. */
function foreignFilesIn(scene: Scene): string[] {
  return readdirSync(scene.path('data')).filter(name => !/^app\.db(-wal|-shm|-journal)?$/.test(name))
}

test('a restore that is cancelled before it begins does nothing', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const before = treeOf(scene.directory, { withTimes: true })
  const result = await scene.product().restoreBackup('latest', { confirm: true, signal: AbortSignal.abort() })
  expect(result).toMatchObject({ success: false, code: 'CANCELLED' })
  expect(treeOf(scene.directory, { withTimes: true })).toEqual(before)
})

const forms = [
  { name: 'WAL mode', now: {} },
  { name: 'rollback mode', now: { journalMode: 'delete' } },
  { name: 'another page size', now: { pageSize: 1024 } },
] as const

describe.each(forms)('a database in $name', ({ now }) => {
  test('is rolled back when what was written is not the backup, and the message says so', async () => {
    const scene = openScene()
    const created = await backUpThenChange(scene, { now })
    const mode = pragmaOf(scene.databasePath, 'journal_mode')
    let isDamaged = false
    const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
      confirm: true,
      onProgress({ step }) {
        // After it was verified and written, before it is compared: as if the disk had gone bad.
        if (step !== 'compare-target' || isDamaged) return
        isDamaged = true
        flipByte(created.backupPath, 30_000)
      },
    })
    expect(result).toMatchObject({
      success: false,
      code: 'RESTORE_ROLLED_BACK',
      message: expect.stringMatching(/^Restore failed and was rolled back \(The restored database differs/),
      hint: expect.stringContaining('pre_restore'),
    })
    expectCommit(scene.databasePath, NOW)
    expect(pragmaOf(scene.databasePath, 'journal_mode')).toBe(mode)
    expect(leftoversIn(scene.directory)).toEqual([])
  })

  test('is rolled back when the stored backup changed after it was verified', async () => {
    const scene = openScene()
    const created = await backUpThenChange(scene, { now })
    let isDamaged = false
    const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
      confirm: true,
      onProgress({ step }) {
        if (step !== 'apply-image' || isDamaged) return
        isDamaged = true
        flipByte(created.backupPath, 30_000)
      },
    })
    expect(result).toMatchObject({
      success: false,
      code: 'RESTORE_ROLLED_BACK',
      message: expect.stringContaining('changed after it was verified'),
    })
    expectCommit(scene.databasePath, NOW)
  })

  test('is not touched by a backup that became no database after it was verified', async () => {
    const scene = openScene()
    const created = await backUpThenChange(scene, { now })
    const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
      confirm: true,
      onProgress({ step }) {
        if (step === 'apply-image') writeFileSync(created.backupPath, GARBAGE)
      },
    })
    expect(result).toMatchObject({ success: false, message: expect.stringContaining('atabase') })
    expectCommit(scene.databasePath, NOW)
  })

  testWith(['linux'], 'is whole and old after the process that wrote it was killed', async () => {
    const scene = openScene()
    await backUpThenChange(scene, { backedUp: { commits: BACKED_UP }, now })
    const mode = pragmaOf(scene.databasePath, 'journal_mode')
    let killed = 0
    const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
      confirm: true,
      onProgress({ step }) {
        if (step === 'apply-image' && killed++ === 0) killSqliteProcesses()
      },
    })
    expect(killed).toBeGreaterThan(0)
    expect(result).toMatchObject({ success: false, message: expect.stringContaining('killed by SIGKILL') })
    expectCommit(scene.databasePath, NOW)
    expect(pragmaOf(scene.databasePath, 'journal_mode')).toBe(mode)
    restored(await scene.product({ engine: 'here' }).restoreBackup('latest', { confirm: true }))
    expectCommit(scene.databasePath, BACKED_UP)
  })

  testWith(
    ['linux'],
    'is whole and old, with what was committed just before, after that process was killed in the middle of writing',
    async () => {
      const scene = openScene()
      await backUpThenChange(scene, {
        backedUp: { commits: BACKED_UP, pageSize: 512 },
        now: { ...now, pageSize: 512 },
      })
      growBackup(scene)
      const large = restored(
        await scene.product().restoreBackup(scene.path('large.db'), { to: scene.path('large-copy.db') }),
      )
      expect(large.way).toBe('replace')
      let killed = 0
      let isCommitted = false
      const result = await scene.product({ engine: 'here' }).restoreBackup(scene.path('large.db'), {
        confirm: true,
        onProgress({ step, doneBytes = 0 }) {
          if (step !== 'apply-image') return
          // The application commits once more, after the pre_restore backup.
          if (!isCommitted) commitOnce(scene.databasePath)
          isCommitted = true
          if (doneBytes > 8 << 20 && killed++ === 0) killSqliteProcesses()
        },
      })
      expect(killed).toBeGreaterThan(0)
      expect(result).toMatchObject({
        success: false,
        code: 'RESTORE_ROLLED_BACK',
        message: expect.stringContaining('killed by SIGKILL'),
      })
      expectCommit(scene.databasePath, NOW + 1)
      expect(foreignFilesIn(scene)).toEqual([])
    },
  )
})

function commitOnce(path: string): void {
  const connection = new DatabaseSync(path)
  commitToLedger(connection)
  connection.close()
}

function growBackup(scene: Scene): void {
  spawnSync(process.execPath, [
    '--no-warnings',
    '--eval',
    `const d = new (require('node:sqlite').DatabaseSync)(process.argv[1])
     d.exec('PRAGMA page_size = 512; CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(40000000))'); d.close()`,
    scene.path('large.db'),
  ])
}

/** Kills this process's children that run SQLite; others of its children are no business of ours. */
function killSqliteProcesses(): void {
  for (const task of readdirSync('/proc/self/task')) {
    const children = readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean)
    for (const pid of children) {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('sqlite/process'))
        process.kill(Number(pid), 'SIGKILL')
    }
  }
}
