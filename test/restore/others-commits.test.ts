/** What others commit to a database while it is being restored, once the restored content is there, is never undone. */
import { expect, test } from 'vitest'
import type { SqliteRequestName } from '../../src/sqlite/requests.ts'
import { type JournalMode, openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { once, type SqliteWatcher } from '../support/watched-sqlite.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  keptIn,
  leftoversIn,
  NOW,
  openScene,
  pragmaOf,
  restored,
  type Scene,
} from './scene.ts'
import { restoreWatched } from './watched.ts'

const journalModes: readonly JournalMode[] = ['wal', 'delete']

/** Commits once to the scene's database, as an application that opens it, commits, and closes it. */
function commitByOther({ databasePath }: Scene, journalMode: JournalMode): void {
  const app = openDatabase(databasePath, { journalMode })
  commitToLedger(app)
  app.close()
}

async function sceneIn(mode: JournalMode): Promise<Scene> {
  const scene = openScene()
  await backUpThenChange(scene, { backedUp: { journalMode: mode }, now: { journalMode: mode } })
  return scene
}

test.each(journalModes)('a restore that is cancelled after its commit is done (%s)', async mode => {
  const scene = await sceneIn(mode)
  const controller = new AbortController()
  const interfere = once(() => {
    commitByOther(scene, mode)
    controller.abort()
  })
  const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
    confirm: true,
    signal: controller.signal,
    onProgress: ({ step }) => step === 'compare-target' && interfere(),
  })
  expect(restored(result).comparison).toBe('changed-since')
  expectCommit(scene.databasePath, BACKED_UP + 1)
  expect(keptIn(scene)).not.toEqual([])
})

test.each(journalModes)(
  'a restore that is cancelled while it writes has changed nothing (%s)',
  async mode => {
    const scene = await sceneIn(mode)
    const controller = new AbortController()
    const watcher: SqliteWatcher = { before: name => name === 'apply' && controller.abort() }
    await expect(restoreWatched(scene, watcher, { signal: controller.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    expectCommit(scene.databasePath, NOW)
    expect(leftoversIn(scene.directory)).toEqual([])
  },
)

test('a restore that is cancelled when it has left WAL mode for another page size is back in it', async () => {
  const scene = openScene()
  await backUpThenChange(scene, { now: { pageSize: 1024 } })
  const controller = new AbortController()
  const watcher: SqliteWatcher = { before: name => name === 'apply' && controller.abort() }
  await expect(restoreWatched(scene, watcher, { signal: controller.signal })).rejects.toMatchObject({
    code: 'CANCELLED',
    message: expect.stringContaining('as it was before'),
  })
  expectCommit(scene.databasePath, NOW)
  expect(pragmaOf(scene.databasePath, 'journal_mode')).toBe('wal')
})

test.each(journalModes)(
  'a commit made after a restore stays when the restore fails afterwards, and the error says so (%s)',
  async mode => {
    const scene = await sceneIn(mode)
    // An open connection keeps the WAL, and with it the counter that tells of others' commits.
    using _app = openDatabase(scene.databasePath, { journalMode: mode })
    const interfere = once(() => commitByOther(scene, mode))
    let isKilled = false
    const watcher: SqliteWatcher = {
      before(name, sqlite) {
        if (name !== 'settleTarget' || isKilled) return
        isKilled = true
        interfere()
        sqlite.killUnanswered()
      },
    }
    await expect(restoreWatched(scene, watcher)).rejects.toMatchObject({
      code: 'RESTORE_FAILED',
      message: expect.stringContaining('others have committed to it since'),
      hint: expect.stringContaining('pre_restore'),
    })
    expectCommit(scene.databasePath, BACKED_UP + 1)
  },
)

/** The first time that it is asked for, kills the SQLite process of a restore that has committed. */
function killAtFirst(name: SqliteRequestName, andThen: SqliteWatcher['before']): SqliteWatcher {
  let isKilled = false
  return {
    before(asked, sqlite) {
      if (isKilled) andThen?.(asked, sqlite)
      else if (asked === name) {
        isKilled = true
        sqlite.killUnanswered()
      }
    },
  }
}

test.each(journalModes)(
  'a commit made when the undo of a restore has looked at the database, and not yet locked it, stays (%s)',
  async mode => {
    const scene = await sceneIn(mode)
    using _app = openDatabase(scene.databasePath, { journalMode: mode })
    const interfere = once(() => commitByOther(scene, mode))
    const watcher = killAtFirst('settleTarget', name => name === 'apply' && interfere())
    await expect(restoreWatched(scene, watcher)).rejects.toMatchObject({
      code: 'RESTORE_FAILED',
      message: expect.stringContaining('others have committed to it since'),
    })
    expectCommit(scene.databasePath, BACKED_UP + 1)
    expect(leftoversIn(scene.directory)).toEqual([])
  },
)

/** A restore to another page size, whose undo has to leave WAL mode, too. */
async function sceneOfOtherSize(): Promise<Scene> {
  const scene = openScene()
  await backUpThenChange(scene, { now: { pageSize: 1024 } })
  return scene
}

test.each(['leaveWal', 'apply'] as const)(
  'a commit made when the undo of a restore to another page size is about to %s stays',
  async moment => {
    const scene = await sceneOfOtherSize()
    const interfere = once(() => commitByOther(scene, moment === 'apply' ? 'delete' : 'wal'))
    const watcher = killAtFirst('settleTarget', name => name === moment && interfere())
    await expect(restoreWatched(scene, watcher)).rejects.toMatchObject({
      code: 'RESTORE_FAILED',
      message: expect.stringContaining('others have committed to it since'),
    })
    expectCommit(scene.databasePath, BACKED_UP + 1)
    expect(pragmaOf(scene.databasePath, 'journal_mode')).toBe('wal')
  },
)

test('a restore to another page size that fails and that nobody has built upon is undone', async () => {
  const scene = await sceneOfOtherSize()
  await expect(
    restoreWatched(
      scene,
      killAtFirst('settleTarget', () => {}),
    ),
  ).rejects.toMatchObject({
    code: 'RESTORE_ROLLED_BACK',
  })
  expectCommit(scene.databasePath, NOW)
  expect(pragmaOf(scene.databasePath, 'page_size')).toBe(1024)
})
