/** Databases that are switched, replaced or rolled back by others at the very instants when a snapshot begins. */
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { BackupError } from '../../src/index.ts'
import { SqliteError, type SqliteProcess } from '../../src/sqlite/sqlite-process.ts'
import { takeImage } from '../../src/snapshot/take-image.ts'
import type { TakenImage, TakeOptions } from '../../src/snapshot/taken-image.ts'
import { buildLedger, type LedgerForm } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { HALF_TRANSACTION, startScript } from '../support/scripts.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { once, WatchedSqlite } from '../support/watched-sqlite.ts'

const COMMITS = 20

function makeLedger(form: LedgerForm = {}): { path: string; directory: string } {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path, { commits: COMMITS, ...form })
  return { path, directory }
}

/** A ledger that a killed process left with a hot journal. */
async function makeHotLedger(): Promise<{ path: string; directory: string }> {
  const made = makeLedger({ journalMode: 'delete' })
  const half = await startScript(HALF_TRANSACTION, [made.path, 'UPDATE payload SET content = zeroblob(8000)'])
  await half.kill()
  return made
}

function take(path: string, sqlite: SqliteProcess, options: Partial<TakeOptions> = {}): Promise<TakenImage> {
  return takeImage(path, {
    sqlite,
    signal: new AbortController().signal,
    waitMs: 1_000,
    file: join(temporaryDirectory(), 'image.db'),
    onSize: async () => {},
    onBytes: () => {},
    ...options,
  })
}

function switchTo(path: string, mode: 'wal' | 'delete'): void {
  const connection = new DatabaseSync(path)
  connection.exec(`PRAGMA journal_mode = ${mode}`)
  connection.close()
}

/** Its application opens the database, which rolls back what was left half done. */
function rollBackHotJournal(path: string): void {
  switchTo(path, 'delete')
}

describe.each([
  { from: 'delete', to: 'wal', way: 'wal' },
  { from: 'wal', to: 'delete', way: 'rollback' },
] as const)('a database that goes from $from to $to just before it is read', ({ from, to, way }) => {
  test('is read anew, as what it is now', async () => {
    const { path } = makeLedger({ journalMode: from })
    const change = once(() => switchTo(path, to))
    const taken = await take(path, new WatchedSqlite({ before: name => name === 'beginRead' && change() }))
    expect(taken).toMatchObject({ way, journalMode: to })
    expect(assertIntact(taken.file)).toEqual({ commits: COMMITS })
  })
})

test('a database that is switched to and fro for ever is given up, with an error that says so', async () => {
  const { path } = makeLedger({ journalMode: 'wal' })
  let switches = 0
  const sqlite = new WatchedSqlite({
    before: name => name === 'beginRead' && switchTo(path, switches++ % 2 === 0 ? 'delete' : 'wal'),
  })
  const failure = await take(path, sqlite).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(BackupError)
  expect(failure).toMatchObject({ code: 'DATABASE_CHANGING', path })
  expect(switches).toBe(20)
  assertIntact(path)
})

test.each(['wal', 'delete'] as const)(
  'a database that is replaced right after SQLite opened it is read anew, and is the new one (%s)',
  async journalMode => {
    const { path } = makeLedger({ journalMode })
    const other = makeLedger({ journalMode, commits: 35 }).path
    const replace = once(() => renameSync(other, path))
    const taken = await take(path, new WatchedSqlite({ after: name => name === 'beginRead' && replace() }))
    expect(assertIntact(taken.file)).toEqual({ commits: 35 })
  },
)

test('a hot journal that its application rolls back meanwhile is no reason to fail', async () => {
  const { path } = await makeHotLedger()
  const act = once(() => rollBackHotJournal(path))
  const taken = await take(path, new WatchedSqlite({ after: name => name === 'beginRead' && act() }))
  expect(taken.way).toBe('rollback')
  expect(assertIntact(taken.file)).toEqual({ commits: COMMITS })
})

test('a hot journal that is rolled back while it is copied makes the copy begin anew', async () => {
  const { path } = await makeHotLedger()
  let asked = 0
  const taken = await take(path, new WatchedSqlite(), {
    // First for the database alone, then for database and journal, then for what was recovered.
    onSize: async () => {
      if (++asked === 2) rollBackHotJournal(path)
    },
  })
  expect(asked).toBe(3)
  expect(taken.way).toBe('rollback')
  expect(assertIntact(taken.file)).toEqual({ commits: COMMITS })
})

test('a hot journal that is written while it is copied makes the copy begin anew', async () => {
  const { path } = await makeHotLedger()
  let asked = 0
  const taken = await take(path, new WatchedSqlite(), {
    onSize: async () => {
      if (++asked === 2) appendFileSync(`${path}-journal`, 'more')
    },
  })
  expect(asked).toBe(5)
  expect(taken.way).toBe('recovered')
  expect(assertIntact(taken.file)).toEqual({ commits: COMMITS })
})

test('a hot journal that cannot be copied is no database that changes', async () => {
  const { path, directory } = await makeHotLedger()
  const file = join(directory, 'image.db')
  mkdirSync(`${file}.anew.recovering-journal`)
  const reading = take(path, new WatchedSqlite(), { file })
  await expect(reading).rejects.toMatchObject({ code: 'IO_FAILED' })
})

test.each(['wal', 'delete'] as const)(
  'what was read is no image when the process that held the database still has ended meanwhile (%s)',
  async journalMode => {
    const { path } = makeLedger({ journalMode })
    const sqlite = new WatchedSqlite({ after: (name, process) => name === 'beginRead' && process.kill() })
    await expect(take(path, sqlite)).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringContaining('ended in the middle'),
    })
  },
)

test('a copy that SQLite cannot open for writing is not called damaged', async () => {
  const { path } = await makeHotLedger()
  const refuse = (): never => {
    throw new SqliteError({ message: 'attempt to write a readonly database', resultCode: 776 })
  }
  const sqlite = new WatchedSqlite({ before: name => name === 'recover' && refuse() })
  await expect(take(path, sqlite)).rejects.toMatchObject({
    code: 'IO_FAILED',
    message: expect.stringContaining('could not open the copy'),
  })
})

test('a process that ends while it rolls a copy back is said to have ended', async () => {
  const { path } = await makeHotLedger()
  const sqlite = new WatchedSqlite({
    before: (name, process) => name === 'recover' && process.killUnanswered(),
  })
  await expect(take(path, sqlite)).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
})

test('where SQLite cannot open a database, and a journal keeps others from reading it, SQLite’s reason is told', async () => {
  const { path } = makeLedger({ journalMode: 'delete' })
  writeFileSync(`${path}-journal`, 'perhaps hot')
  const refuse = (): never => {
    throw new SqliteError({ message: 'unable to open database file', resultCode: 14 })
  }
  const sqlite = new WatchedSqlite({ before: name => name === 'beginRead' && refuse() })
  await expect(take(path, sqlite)).rejects.toMatchObject({
    code: 'IO_FAILED',
    message: expect.stringContaining('SQLite could not open'),
  })
})
