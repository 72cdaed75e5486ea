/** The order in which things are written, and what is never written, as strace sees it. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect } from 'vitest'
import { openDatabase } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import { filesBelow } from '../support/temporary.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  NOW,
  openScene,
  rebuild,
  removeDatabase,
  type Scene,
  treeOf,
} from '../restore/scene.ts'
import { OPERATION, orderFor, type OrderOf } from './run-operation.ts'
import { type Call, fromAndTo, pathOf, traceNode, writtenBy } from './trace.ts'

const RENAMES: readonly string[] = ['rename', 'renameat', 'renameat2', 'link', 'linkat']
const FLUSHES: readonly string[] = ['fsync', 'fdatasync']

const isStaged = (path: string): boolean => path.includes('/.chame-backup-')

/** Runs the operation under strace, which must succeed; returns its calls. */
function trace(scene: Scene, order: OrderOf): Call[] {
  const calls = traceNode([OPERATION, orderFor(scene, order)], scene.path('trace'))
  expect(successOf(calls)).toBeDefined()
  return calls
}

function successOf(calls: readonly Call[]): Call | undefined {
  return calls.find(({ name, args }) => name === 'write' && /^1<.*"success\\n"/.test(args))
}

function writesTo(calls: readonly Call[], path: string): Call[] {
  return calls.filter(call => writtenBy(call) === path)
}

/** The flush of `path` that is begun after one line and done before another. */
function flushBetween(calls: readonly Call[], path: string, after: number, before: number): Call | undefined {
  return calls.find(
    call =>
      FLUSHES.includes(call.name) && pathOf(call) === path && call.entered > after && call.returned < before,
  )
}

/** Everything that came to its place by rename was flushed before, and its directory after. */
function expectDurable(calls: readonly Call[], until: number): Call[] {
  const published = calls.filter(call => RENAMES.includes(call.name) && isStaged(fromAndTo(call)[0]))
  for (const call of published) {
    const [from, to] = fromAndTo(call)
    const lastWrite = Math.max(0, ...writesTo(calls, from).map(({ returned }) => returned))
    expect(lastWrite, `${from} was written`).toBeGreaterThan(0)
    expect(flushBetween(calls, from, lastWrite, call.entered), `${from} before its rename`).toBeDefined()
    expect(flushBetween(calls, dirname(to), call.returned, until), `${dirname(to)} after it`).toBeDefined()
  }
  return published
}

/** Files are made 0600, or in a staging directory that is 0700. */
function expectPrivate(calls: readonly Call[], scene: Scene): void {
  const ours = calls.filter(call => pathOf(call).startsWith(scene.backupDir))
  const opened = new Set<string>()
  // Only the first opening of a path may make the file, whatever a later one asks for.
  const made = ours.filter(call => {
    if (call.name !== 'openat' || opened.has(pathOf(call))) return false
    opened.add(pathOf(call))
    return call.args.includes('O_CREAT')
  })
  expect(made.length).toBeGreaterThan(2)
  for (const call of made) {
    if (!isStaged(pathOf(call))) expect(call.args, pathOf(call)).toMatch(/, 0?100600$|, 0600$/)
  }
  const directories = ours.filter(({ name }) => name === 'mkdir' || name === 'mkdirat')
  for (const { args } of directories) expect(args).toMatch(/, 0700$/)
  for (const name of filesBelow(scene.backupDir)) {
    const stats = statSync(join(scene.backupDir, name))
    expect(stats.mode & 0o777, name).toBe(stats.isDirectory() ? 0o700 : 0o600)
  }
}

/** No byte of the database, of its WAL or of its journal was written. */
function expectUnwritten(calls: readonly Call[], database: string): void {
  for (const suffix of ['', '-wal', '-journal']) {
    expect(writesTo(calls, database + suffix)).toEqual([])
  }
  const opened = calls.filter(call => call.name === 'openat' && pathOf(call) === database)
  expect(opened.length).toBeGreaterThan(0)
}

testWith(
  ['linux', 'strace'],
  'a backup flushes the image, its name, the metadata and its name, in this order',
  () => {
    for (const journalMode of ['wal', 'delete'] as const) {
      const scene = openScene()
      rebuild(scene.databasePath, { commits: NOW, journalMode })
      const calls = trace(scene, { operation: 'create' })
      const published = expectDurable(calls, successOf(calls)?.entered ?? 0)
      expect(published.map(call => basename(dirname(fromAndTo(call)[1])))).toEqual(['manual', 'metadata'])
      const [image, metadata] = published
      // The metadata says that the backup exists: its name comes only once that of the image is safe.
      const flushed = flushBetween(
        calls,
        join(scene.backupDir, 'manual'),
        image?.returned ?? 0,
        metadata?.entered ?? 0,
      )
      expect(flushed).toBeDefined()
      expectPrivate(calls, scene)
      expectUnwritten(calls, scene.databasePath)
    }
  },
)

testWith(
  ['linux', 'strace'],
  'new directories are flushed into their parents before a backup is called done',
  () => {
    const scene = openScene()
    rebuild(scene.databasePath, { commits: NOW })
    const calls = trace(scene, { operation: 'create', backupDir: scene.path('a', 'b') })
    const done = successOf(calls)?.entered ?? 0
    for (const made of [scene.directory, scene.path('a'), scene.path('a', 'b')]) {
      const mkdir = calls.findLast(
        call => call.name === 'mkdir' && dirname(pathOf(call)) === made && !isStaged(pathOf(call)),
      )
      expect(mkdir, made).toBeDefined()
      expect(flushBetween(calls, made, mkdir?.returned ?? 0, done), made).toBeDefined()
    }
  },
)

testWith(['linux', 'strace'], 'a backup of a database in use opens its file for reading only', () => {
  for (const journalMode of ['wal', 'delete'] as const) {
    const scene = openScene()
    rebuild(scene.databasePath, { commits: NOW, journalMode })
    const app = openDatabase(scene.databasePath, { journalMode })
    app.exec('CREATE TABLE more AS SELECT 1')
    const calls = trace(scene, { operation: 'create' })
    app.close()
    expectUnwritten(calls, scene.databasePath)
    const opened = calls.filter(call => call.name === 'openat' && pathOf(call) === scene.databasePath)
    expect(opened.filter(({ args }) => !args.includes('O_RDONLY'))).toEqual([])
  }
})

testWith(['linux', 'strace'], 'a verification writes nothing but its answer', async () => {
  const scene = openScene()
  const { backupPath } = await backUpThenChange(scene)
  const before = treeOf(scene.directory, { withTimes: true })
  const calls = trace(scene, { operation: 'verify' })
  const after = treeOf(scene.directory, { withTimes: true })
  delete after['trace']
  expect(after).toEqual(before)
  const opened = calls.filter(
    call =>
      call.name === 'openat' &&
      pathOf(call).startsWith(scene.directory) &&
      pathOf(call) !== scene.path('trace'),
  )
  expect(opened.map(pathOf)).toContain(backupPath)
  expect(opened.filter(({ args }) => !args.includes('O_RDONLY'))).toEqual([])
})

testWith(
  ['linux', 'strace'],
  'a restore flushes the pre_restore backup before it writes the database',
  async () => {
    for (const journalMode of ['wal', 'delete'] as const) {
      const scene = openScene()
      await backUpThenChange(scene, { backedUp: { journalMode }, now: { journalMode } })
      const calls = trace(scene, { operation: 'restore' })
      const done = successOf(calls)?.entered ?? 0
      const writes = [scene.databasePath, `${scene.databasePath}-wal`].flatMap(path => writesTo(calls, path))
      const firstWrite = Math.min(...writes.map(({ entered }) => entered))
      const lastWrite = Math.max(...writesTo(calls, scene.databasePath).map(({ returned }) => returned))
      expect(firstWrite).toBeLessThan(done)
      const published = expectDurable(calls, firstWrite)
      expect(published.map(call => basename(dirname(fromAndTo(call)[1])))).toEqual([
        'pre_restore',
        'metadata',
      ])
      expect(flushBetween(calls, scene.databasePath, lastWrite, done), journalMode).toBeDefined()
      // A journal that came back after a power cut would bring the old content back; a WAL holds the new one.
      const journal = calls.findLast(
        call => call.name === 'unlink' && pathOf(call) === `${scene.databasePath}-journal`,
      )
      if (journalMode === 'delete') expect(journal).toBeDefined()
      const gone = journal?.returned ?? 0
      expect(flushBetween(calls, scene.path('data'), gone, done), journalMode).toBeDefined()
      expectPrivate(calls, scene)
      expectCommit(scene.databasePath, BACKED_UP)
    }
  },
)

testWith(
  ['linux', 'strace'],
  'a replaced file is flushed before its rename, after its side files are gone for good',
  async () => {
    for (const isThere of [true, false]) {
      const scene = openScene()
      await backUpThenChange(scene)
      removeDatabase(scene.databasePath)
      mkdirSync(scene.path('data'), { recursive: true })
      if (isThere) writeFileSync(scene.databasePath, 'garbage')
      writeFileSync(`${scene.databasePath}-journal`, 'stale')
      const calls = trace(scene, { operation: 'restore' })
      expectDurable(calls, successOf(calls)?.entered ?? 0)
      const replaced = calls.find(
        call => RENAMES.includes(call.name) && fromAndTo(call)[1] === scene.databasePath,
      )
      const removed = calls.find(
        call => call.name === 'unlink' && pathOf(call) === `${scene.databasePath}-journal`,
      )
      expect(
        flushBetween(calls, scene.path('data'), removed?.returned ?? 0, replaced?.entered ?? 0),
      ).toBeDefined()
      expectCommit(scene.databasePath, BACKED_UP)
    }
  },
)
