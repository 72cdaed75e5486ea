/** Files that SQLite cannot open where they lie are read by themselves, as long as nobody writes them. */
import {
  appendFileSync,
  copyFileSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { takeFromQuiescentFiles } from '../../src/snapshot/take-quiescent.ts'
import { untilWritesShow } from '../../src/snapshot/stillness.ts'
import type { TakenImage, TakeOptions } from '../../src/snapshot/taken-image.ts'
import { parseWalHeader } from '../../src/snapshot/wal.ts'
import { walChecksum } from '../../src/snapshot/wal-checksum.ts'
import { buildLedger, openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { WatchedSqlite } from '../support/watched-sqlite.ts'

const COMMITS = 20
/** Where the header says how many pages the database has, and where SQLites that do not know of it leave zeros. */
const PAGE_COUNT_OFFSET = 28
const FRAME_BYTES = 24 + 4096

function makeLedger(journalMode: 'wal' | 'delete' = 'delete'): string {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path, { journalMode, commits: COMMITS })
  return path
}

function take(path: string, options: Partial<TakeOptions> = {}): Promise<TakenImage> {
  return takeFromQuiescentFiles(path, {
    sqlite: new WatchedSqlite(),
    signal: new AbortController().signal,
    waitMs: 0,
    file: join(temporaryDirectory(), 'image.db'),
    onSize: async () => {},
    onBytes: () => {},
    ...options,
  })
}

/** A ledger that nobody has open, beside it a WAL whose commits are not in it yet. */
function makeLedgerWithWal(commits: number): string {
  const path = makeLedger('wal')
  const copy = join(temporaryDirectory(), 'ledger.db')
  const connection = openDatabase(path)
  for (let i = 0; i < commits; i++) commitToLedger(connection)
  for (const suffix of ['', '-wal']) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`)
  connection.close()
  return copy
}

test.each(['wal', 'delete'] as const)('a database in %s mode is read with the mode it is in', async mode => {
  const path = makeLedger(mode)
  const taken = await take(path)
  expect(taken).toMatchObject({ way: 'quiescent', journalMode: mode, userVersion: 0, pageSize: 4096 })
  expect(assertIntact(taken.file)).toEqual({ commits: COMMITS })
  expect(readFileSync(taken.file)).toEqual(readFileSync(path))
})

test('the commits in the WAL are in the image', async () => {
  const taken = await take(makeLedgerWithWal(3))
  expect(assertIntact(taken.file)).toEqual({ commits: COMMITS + 3 })
})

test('a WAL without a whole commit adds nothing', async () => {
  const path = makeLedgerWithWal(1)
  // A commit to the ledger changes several pages; the last of their frames, which ends it, is cut off.
  truncateSync(`${path}-wal`, 32 + 2 * FRAME_BYTES)
  const taken = await take(path)
  expect(assertIntact(taken.file)).toEqual({ commits: COMMITS })
  expect(readFileSync(taken.file)).toEqual(readFileSync(path))
})

test('a WAL that is none adds nothing', async () => {
  const path = makeLedger('wal')
  writeFileSync(`${path}-wal`, Buffer.alloc(10_000, 'garbage '))
  expect(readFileSync((await take(path)).file)).toEqual(readFileSync(path))
})

test.each(['an empty file', 'a database of another page size'])(
  'the WAL beside %s is not its own, and without it the database may be an older one',
  async what => {
    const path = makeLedgerWithWal(3)
    writeFileSync(path, '')
    if (what !== 'an empty file') {
      const other = join(temporaryDirectory(), 'other.db')
      buildLedger(other, { pageSize: 1024, journalMode: 'delete' })
      copyFileSync(other, path)
    }
    await expect(take(path)).rejects.toMatchObject({ code: 'DATABASE_DAMAGED', path })
  },
)

test('a WAL of a version that is not known yet is refused, because what it holds cannot be told', async () => {
  const path = makeLedgerWithWal(3)
  const wal = readFileSync(`${path}-wal`)
  const isNative = parseWalHeader(wal)?.isNative ?? false
  wal.writeUInt32BE(3_008_000, 4)
  const sum = walChecksum(wal.subarray(0, 24), { first: 0, second: 0 }, isNative)
  wal.writeUInt32BE(sum.first, 24)
  wal.writeUInt32BE(sum.second, 28)
  writeFileSync(`${path}-wal`, wal)
  await expect(take(path)).rejects.toMatchObject({
    code: 'DATABASE_DAMAGED',
    message: expect.stringContaining('unknown version'),
  })
})

test('an empty file is an empty image', async () => {
  const path = join(temporaryDirectory(), 'empty.db')
  writeFileSync(path, '')
  expect(await take(path)).toMatchObject({ sizeBytes: 0, pageSize: 0, userVersion: 0, journalMode: 'delete' })
})

test('a database whose header does not say how many pages it has is read to the end of its file', async () => {
  const path = makeLedger()
  const bytes = readFileSync(path)
  bytes.writeUInt32BE(0, PAGE_COUNT_OFFSET)
  writeFileSync(path, bytes)
  const taken = await take(path)
  expect(taken.sizeBytes).toBe(bytes.length)
  expect(readFileSync(taken.file)).toEqual(bytes)
})

test('an empty journal, as PRAGMA journal_mode = TRUNCATE leaves it, is none', async () => {
  const path = makeLedger()
  writeFileSync(`${path}-journal`, '')
  expect(assertIntact((await take(path)).file)).toEqual({ commits: COMMITS })
})

test('a journal that may have to be rolled back is refused, because nobody can here', async () => {
  const path = makeLedger()
  writeFileSync(`${path}-journal`, 'half a transaction')
  await expect(take(path)).rejects.toMatchObject({ code: 'READ_ONLY', path })
})

test.each(['', '-wal'])(
  'files that are written while they are read make no image (ledger.db%s)',
  async suffix => {
    const path = makeLedgerWithWal(3)
    const reading = take(path, { onSize: async () => appendFileSync(`${path}${suffix}`, 'more') })
    await expect(reading).rejects.toMatchObject({ code: 'DATABASE_CHANGING', path })
  },
)

test('a WAL that is begun anew while it is read is a database that changes, not one that is damaged', async () => {
  const path = makeLedgerWithWal(150)
  let isAnew = false
  const signal = askedFirst(() => {
    writeFileSync(`${path}-wal`, readFileSync(`${path}-wal`).fill(0, 32))
    isAnew = true
  })
  await expect(take(path, { signal })).rejects.toMatchObject({ code: 'DATABASE_CHANGING', path })
  expect(isAnew).toBe(true)
})

/** A signal that is never aborted; the first time it is asked is between two runs of the WAL's frames. */
function askedFirst(then: () => void): AbortSignal {
  let isAsked = false
  return Object.defineProperty(new AbortController().signal, 'aborted', {
    get: () => {
      if (!isAsked) then()
      isAsked = true
      return false
    },
  })
}

test('another database put in the place of one that is being read makes no image of both', async () => {
  const [directory, next] = [makeLedgerWithWal(3), makeLedgerWithWal(5)].map(path => dirname(path)) as [
    string,
    string,
  ]
  const path = join(directory, 'ledger.db')
  const swap = async (): Promise<void> => {
    renameSync(directory, `${directory}-before`)
    renameSync(next, directory)
  }
  onTestFinished(() => rmSync(`${directory}-before`, { recursive: true, force: true }))
  await expect(take(path, { onSize: swap })).rejects.toMatchObject({ code: 'DATABASE_CHANGING', path })
})

test('two writes within one step of the file system’s clock are told apart: reading waits until the second would show', () => {
  expect([-40, 0, 5, 19, 20, 1000].map(ageMs => untilWritesShow(1_000_000, 1_000_000 + ageMs))).toEqual([
    20, 20, 15, 1, 0, 0,
  ])
})
