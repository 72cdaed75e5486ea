/** Restores to which something happens at an instant between two of their steps. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Progress } from '../../src/index.ts'
import { toFailure } from '../../src/errors.ts'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger, makeLedger } from '../support/ledger.ts'
import { callElsewhere } from '../support/other-process.ts'
import { testWith } from '../support/requirements.ts'
import { once, type SqliteWatcher } from '../support/watched-sqlite.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  flipByte,
  keptIn,
  leftoversIn,
  NOW,
  openScene,
  pragmaOf,
  rebuild,
  removeDatabase,
  restored,
  type Scene,
} from './scene.ts'
import { restoreWatched } from './watched.ts'

/** Kills the SQLite process the first time that it is asked `wanted`, before it answers. */
function killedAt(wanted: string): SqliteWatcher {
  let isKilled = false
  return {
    before(name, sqlite) {
      if (name !== wanted || isKilled) return
      isKilled = true
      sqlite.killUnanswered()
    },
  }
}

/** The file in the staging directory beside the database. */
function stagedImage(scene: Scene): string {
  const directory = scene.path('data')
  const staging = readdirSync(directory).find(name => name.startsWith('.chame-backup-'))
  const [file] = readdirSync(join(directory, staging ?? ''))
  return join(directory, staging ?? '', file ?? '')
}

describe('where no database is', () => {
  test('a staged copy that is not the backup is not put in place', async () => {
    const scene = openScene()
    await backUpThenChange(scene)
    removeDatabase(scene.databasePath)
    const damage = once(() => flipByte(stagedImage(scene), 30_000))
    const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
      confirm: true,
      onProgress: ({ step }: Progress) => step === 'compare-target' && damage(),
    })
    expect(result).toMatchObject({
      success: false,
      code: 'RESTORE_FAILED',
      message: expect.stringContaining('nothing was changed'),
    })
    expect(readdirSync(scene.path('data'))).toEqual([])
    restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expectCommit(scene.databasePath, BACKED_UP)
  })

  test('a stored backup that changes once it was verified is not put in place', async () => {
    const scene = openScene()
    const { backupPath } = await backUpThenChange(scene)
    removeDatabase(scene.databasePath)
    const damage = once(() => flipByte(backupPath, 30_000))
    const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
      confirm: true,
      onProgress: ({ step }: Progress) => step === 'stage-image' && damage(),
    })
    expect(result).toMatchObject({
      success: false,
      code: 'RESTORE_FAILED',
      message: expect.stringContaining('nothing was changed'),
    })
    expect(readdirSync(scene.path('data'))).toEqual([])
  })

  test('a file that appears meanwhile is left alone', async () => {
    const scene = openScene()
    await backUpThenChange(scene)
    removeDatabase(scene.databasePath)
    const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
      confirm: true,
      onProgress: ({ step }: Progress) =>
        step === 'replace-target' && rebuild(scene.databasePath, { commits: 7 }),
    })
    expect(result).toMatchObject({ success: false, code: 'DATABASE_CHANGING' })
    expectCommit(scene.databasePath, 7)
    expect(leftoversIn(scene.directory)).toEqual([])
  })

  test('a database that its application begins anew meanwhile keeps what is in its WAL', async () => {
    const scene = openScene()
    await backUpThenChange(scene)
    removeDatabase(scene.databasePath)
    for (const suffix of ['-wal', '-shm']) writeFileSync(scene.databasePath + suffix, 'stale')
    using begun = new DisposableStack()
    const begin = once(() => {
      const connection = begun.adopt(openDatabase(scene.databasePath), opened => opened.close())
      connection.exec('PRAGMA wal_autocheckpoint = 0')
      makeLedger(connection)
      commitToLedger(connection)
    })
    const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
      confirm: true,
      onProgress: ({ step }: Progress) => step === 'stage-image' && begin(),
    })
    expect(result).toMatchObject({
      success: false,
      code: 'DATABASE_CHANGING',
      message: expect.stringContaining('left alone'),
    })
    expectCommit(scene.databasePath, 1)
    expect(leftoversIn(scene.directory)).toEqual([])
  })

  test('a side file that another program makes meanwhile is left alone', async () => {
    const scene = openScene()
    await backUpThenChange(scene)
    removeDatabase(scene.databasePath)
    writeFileSync(`${scene.databasePath}-journal`, 'stale')
    const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
      confirm: true,
      onProgress: ({ step }: Progress) =>
        step === 'stage-image' && writeFileSync(`${scene.databasePath}-journal`, 'of a program that runs'),
    })
    expect(result).toMatchObject({ success: false, code: 'DATABASE_CHANGING' })
    expect(readFileSync(`${scene.databasePath}-journal`, 'utf8')).toBe('of a program that runs')
    expect(readdirSync(scene.path('data'))).toEqual(['app.db-journal'])
  })

  testWith(['linux', 'strace'], 'a file system without hard links is restored to all the same', async () => {
    const scene = openScene()
    await backUpThenChange(scene)
    removeDatabase(scene.databasePath)
    const { databasePath: path, backupDir } = scene
    const under = ['strace', '-f', '-qq', '-o', scene.path('strace.log'), '-e', 'trace=link,linkat']
    const [answer] = callElsewhere(
      { path, backupDir, engine: 'here' },
      [['restoreBackup', 'latest', { confirm: true }]],
      { under: [...under, '-e', 'inject=link,linkat:error=EPERM'] },
    )
    expect(answer).toMatchObject({ success: true, way: 'replace' })
    expect(readFileSync(scene.path('strace.log'), 'utf8')).toContain('INJECTED')
    expectCommit(path, BACKED_UP)
    expect(leftoversIn(scene.directory)).toEqual([])
  })
})

test.each(['stage-image', 'replace-target'])(
  'a database that comes in the place of an unreadable one, which alone was kept, is left alone (at %s)',
  async when => {
    const scene = openScene()
    await backUpThenChange(scene)
    writeFileSync(scene.databasePath, 'garbage')
    const repair = once(() => rebuild(scene.databasePath, { commits: 7 }))
    const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
      confirm: true,
      onProgress: ({ step }: Progress) => step === when && repair(),
    })
    expect(result).toMatchObject({
      success: false,
      code: 'DATABASE_CHANGING',
      message: expect.stringContaining('left alone'),
    })
    expectCommit(scene.databasePath, 7)
    expect(leftoversIn(scene.directory)).toEqual([])
  },
)

test('a target that is gone once it was looked at is a typed error, and stays away', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const remove = once(() => removeDatabase(scene.databasePath))
  const watcher: SqliteWatcher = { after: name => name === 'beginRead' && remove() }
  await expect(restoreWatched(scene, watcher, { dryRun: true })).rejects.toMatchObject({
    code: 'IO_FAILED',
    message: expect.stringContaining(scene.databasePath),
  })
  expect(readdirSync(scene.path('data')).filter(name => name === 'app.db')).toEqual([])
})

test('a backup that is gone once it was verified leaves the database as it is', async () => {
  const scene = openScene()
  const { backupPath } = await backUpThenChange(scene)
  const remove = once(() => rmSync(backupPath))
  const watcher: SqliteWatcher = { before: name => name === 'apply' && remove() }
  await expect(restoreWatched(scene, watcher)).rejects.toMatchObject({ code: 'IO_FAILED' })
  expectCommit(scene.databasePath, NOW)
})

test('a database that was leaving WAL mode when its process was killed is back in it', async () => {
  const scene = openScene()
  // SQLite changes the page size only outside WAL mode.
  await backUpThenChange(scene, { now: { pageSize: 1024 } })
  await expect(restoreWatched(scene, killedAt('leaveWal'))).rejects.toMatchObject({
    code: 'RESTORE_ROLLED_BACK',
    message: expect.stringContaining('killed by SIGKILL'),
  })
  expectCommit(scene.databasePath, NOW)
  expect(pragmaOf(scene.databasePath, 'journal_mode')).toBe('wal')
  expect(pragmaOf(scene.databasePath, 'page_size')).toBe(1024)
})

test.each(['checkpointTarget', 'beginTargetRead', 'endTargetRead', 'settleTarget'])(
  'a database is rolled back when its process is killed at %s, after the image was written',
  async wanted => {
    const scene = openScene()
    await backUpThenChange(scene)
    await expect(restoreWatched(scene, killedAt(wanted))).rejects.toMatchObject({
      code: 'RESTORE_ROLLED_BACK',
      hint: expect.stringContaining('pre_restore'),
    })
    expectCommit(scene.databasePath, NOW)
  },
)

test('a database whose process ends while it is compared is rolled back', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  let isKilled = false
  const watcher: SqliteWatcher = {
    after(name, sqlite) {
      if (name !== 'beginTargetRead' || isKilled) return
      isKilled = true
      sqlite.kill()
    },
  }
  await expect(restoreWatched(scene, watcher)).rejects.toMatchObject({ code: 'RESTORE_ROLLED_BACK' })
  expectCommit(scene.databasePath, NOW)
})

test('a disposable database that cannot be rolled back is said to have no pre_restore backup', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  await expect(restoreWatched(scene, killedAt('settleTarget'), { disposable: true })).rejects.toMatchObject({
    code: 'RESTORE_FAILED',
    message: expect.stringContaining('could not be rolled back'),
    hint: expect.stringContaining('disposable'),
  })
  expect(keptIn(scene)).toEqual([])
  // It holds the backup, which was committed.
  expectCommit(scene.databasePath, BACKED_UP)
})

test('a process that dies between any two questions is told of as that, and the database is what the result says', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const before = readFileSync(scene.databasePath)
  let asked = Number.POSITIVE_INFINITY
  for (let dies = 1; dies <= asked; dies++) {
    let answers = 0
    const watcher: SqliteWatcher = { after: (_name, sqlite) => void (++answers === dies && sqlite.kill()) }
    const code = await restoreWatched(scene, watcher).then(
      () => null,
      (error: unknown) => toFailure(error).code,
    )
    if (code !== null) expect(['ENGINE_FAILED', 'RESTORE_ROLLED_BACK']).toContain(code)
    expectCommit(scene.databasePath, code === null ? BACKED_UP : NOW)
    expect(leftoversIn(scene.directory)).toEqual([])
    removeDatabase(scene.databasePath)
    writeFileSync(scene.databasePath, before)
    if (answers < dies) asked = answers
  }
  expect(asked).toBeGreaterThan(5)
})
