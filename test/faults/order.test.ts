/** The order in which things are written, where, and what is never written, as strace sees it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import type { Operation as AnyOperation, Order } from '../crash/operation.ts'
import { fromAndTo, pathOf } from '../crash/trace.ts'
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
import { openDatabase } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import { WriterProcess } from '../support/writer-process.ts'
import { isFull, select } from './extent.ts'
import {
  type Allowed,
  expectDurable,
  expectInside,
  expectPrivate,
  expectUnwritten,
  flushBetween,
  isRename,
  isStaged,
  successOf,
  trace,
  typesOf,
  writesTo,
} from './order.ts'

/** Exports, imports and cleanups have rules of their own, beside their other tests. */
type Operation = Extract<AnyOperation, 'create' | 'verify' | 'restore'>

const ALLOWED: Readonly<Record<Operation, Allowed>> = {
  // Reading a database in WAL mode takes its side files.
  create: { backupDir: true, suffixes: ['-wal', '-shm'], staging: false },
  restore: { backupDir: true, suffixes: ['', '-wal', '-shm', '-journal'], staging: true },
  verify: { backupDir: false, suffixes: [], staging: false },
}

/** Where nobody has it open they are made for that, and only who may write the database can remove them again. */
const TIDIES_UP: Allowed = { ...ALLOWED.create, suffixes: ['', '-wal', '-shm'] }

/** Who else has the database open: nobody; somebody who is idle; somebody who commits without pause. */
type Company = 'nobody' | 'idle' | 'writer'

interface Combination {
  readonly operation: Operation
  readonly engine: Order['engine']
  readonly journalMode: 'wal' | 'delete'
  readonly company: Company
}

/** In rollback mode a writer without pause hardly leaves anyone a turn. */
function companies(journalMode: 'wal' | 'delete'): readonly Company[] {
  return journalMode === 'wal' ? ['nobody', 'idle', 'writer'] : ['nobody', 'idle']
}

const COMBINATIONS: readonly Combination[] = (['create', 'verify', 'restore'] as const).flatMap(operation =>
  (['process', 'here'] as const).flatMap(engine =>
    (['wal', 'delete'] as const).flatMap(journalMode =>
      companies(journalMode).map(company => ({ operation, engine, journalMode, company })),
    ),
  ),
)

const TITLES: Readonly<Record<Operation, string>> = {
  create: 'A backup writes below its directory alone, in order, privately, and never the database',
  verify: 'A verification changes nothing at all, whoever has the database open',
  restore: 'A restore writes the database and below its directory alone, in order and privately',
}

for (const operation of ['create', 'verify', 'restore'] as const) {
  const all = COMBINATIONS.filter(combination => combination.operation === operation)
  testWith(
    ['linux', 'strace'],
    TITLES[operation],
    async () => {
      for (const combination of select(all, 5)) await holdToRules(combination)
    },
    isFull ? 600_000 : 300_000,
  )
}

async function holdToRules({ operation, engine, journalMode, company }: Combination): Promise<void> {
  const scene = openScene()
  await backUpThenChange(scene, { backedUp: { journalMode }, now: { journalMode } })
  const leave = await keepCompany(scene, company, journalMode)
  const before = contentBeside(scene)
  const calls = trace(scene, { operation, engine })
  const after = contentBeside(scene)
  await leave()
  const isTidying = operation === 'create' && journalMode === 'wal' && company === 'nobody'
  expectInside(calls, scene, isTidying ? TIDIES_UP : ALLOWED[operation])
  expectPrivate(calls, scene)
  expectDurable(calls, successOf(calls))
  if (operation === 'create') expectUnwritten(calls, scene.databasePath)
  if (operation !== 'restore' && company !== 'writer') expect(after).toEqual(before)
}

/** The database's files, but for the WAL index, in which readers leave their marks. */
function contentBeside(scene: Scene): Record<string, string> {
  const { 'app.db-shm': _, ...content } = treeOf(scene.path('data'), { withTimes: true })
  return content
}

/** Returns what ends it. */
async function keepCompany(
  scene: Scene,
  company: Company,
  journalMode: 'wal' | 'delete',
): Promise<() => unknown> {
  if (company === 'nobody') return () => {}
  if (company === 'writer') {
    const writer = await WriterProcess.start(scene.databasePath, scene.directory)
    return () => writer.kill()
  }
  const connection = openDatabase(scene.databasePath, { journalMode })
  connection.prepare('SELECT count(*) FROM log').get()
  return () => connection.close()
}

testWith(
  ['linux', 'strace'],
  'a backup flushes the image, its name, the metadata and its name, in this order',
  () => {
    for (const journalMode of ['wal', 'delete'] as const) {
      const scene = openScene()
      rebuild(scene.databasePath, { commits: NOW, journalMode })
      const calls = trace(scene, { operation: 'create' })
      const published = expectDurable(calls, successOf(calls))
      expect(typesOf(published)).toEqual(['manual', 'metadata'])
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
    const done = successOf(calls)
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
  expect(after).toEqual(before)
  const opened = calls.filter(call => call.name === 'openat' && pathOf(call).startsWith(scene.directory))
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
      const done = successOf(calls)
      const writes = [scene.databasePath, `${scene.databasePath}-wal`].flatMap(path => writesTo(calls, path))
      const firstWrite = Math.min(...writes.map(({ entered }) => entered))
      const lastWrite = Math.max(...writesTo(calls, scene.databasePath).map(({ returned }) => returned))
      expect(firstWrite).toBeLessThan(done)
      const published = expectDurable(calls, firstWrite)
      expect(typesOf(published)).toEqual(['pre_restore', 'metadata'])
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
      expectDurable(calls, successOf(calls))
      const replaced = calls.find(call => isRename(call) && fromAndTo(call)[1] === scene.databasePath)
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
