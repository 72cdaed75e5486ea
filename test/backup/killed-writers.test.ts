import { copyFileSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildLedger, openDatabase } from '../support/databases.ts'
import { assertIntact, withCopy } from '../support/intact.ts'
import { backUp } from '../support/product.ts'
import { HALF_TRANSACTION, HOLD_OPEN, startScript } from '../support/scripts.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { WriterProcess } from '../support/writer-process.ts'

const MEBIBYTE = 1 << 20
const isLarge = process.env['CHAME_TEST_LARGE'] === '1' || process.env['CI'] !== undefined
const WAL_BYTES = (isLarge ? 500 : 40) * MEBIBYTE

/** All bytes of the database's files that belong to it, by suffix. */
function bytesOf(path: string): Record<string, Buffer> {
  const there = ['', '-wal', '-journal'].filter(suffix => existsSync(`${path}${suffix}`))
  return Object.fromEntries(there.map(suffix => [suffix, readFileSync(`${path}${suffix}`)]))
}

test(`a WAL of ${WAL_BYTES / MEBIBYTE} MiB that was never checkpointed is in the backup, and stays as it is`, async () => {
  const path = join(temporaryDirectory(), 'big-wal.db')
  buildLedger(path)
  const open = openDatabase(path)
  open.exec(
    'PRAGMA wal_autocheckpoint = 0; CREATE TABLE ballast (id INTEGER PRIMARY KEY, round INT, filler BLOB)',
  )
  const insert = open.prepare('INSERT OR REPLACE INTO ballast VALUES (?, ?, randomblob(?))')
  // Every row is written twice, so that for each page an old frame and a new one are there.
  for (let round = 1; statSync(`${path}-wal`).size < WAL_BYTES; round++) {
    open.exec('BEGIN')
    for (let id = 0; id < 64; id++) insert.run(id + 64 * Math.floor(round / 2), round, 32_768 + (round % 2))
    open.exec('COMMIT')
  }
  const walBytes = statSync(`${path}-wal`).size
  const mainBytes = statSync(path).size
  const { backupPath, snapshotWay } = await backUp(path)
  expect(snapshotWay).toBe('wal')
  expect(statSync(`${path}-wal`).size).toBe(walBytes)
  expect(statSync(path).size).toBe(mainBytes)
  const summary =
    'SELECT count(*) AS n, sum(round) AS rounds, sum(length(filler)) AS bytes, max(id) AS last FROM ballast'
  const expected = open.prepare(summary).get()
  expect(withCopy(backupPath, copy => copy.prepare(summary).get())).toEqual(expected)
  assertIntact(backupPath)
  open.close()
})

test('a checkpoint that is held up half-way leaves a backup that takes each page from where it is newest', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  const writer = await WriterProcess.start(path, directory, { pragmas: 'PRAGMA wal_autocheckpoint = 0' })
  await writer.commitsBeyond(200)
  // A reader of the state of now: a checkpoint may copy the frames up to here, and no further.
  const reader = await startScript(HOLD_OPEN, [path, 'BEGIN; SELECT * FROM state'])
  await writer.commitsBeyond(writer.acknowledged + 200)
  const checkpointer = openDatabase(path)
  const [result] = checkpointer.prepare('PRAGMA wal_checkpoint(PASSIVE)').all()
  expect(Number(result?.['checkpointed'])).toBeGreaterThan(0)
  expect(Number(result?.['checkpointed'])).toBeLessThan(Number(result?.['log']))
  checkpointer.close()

  const from = writer.acknowledged
  const { backupPath } = await backUp(path)
  expect(assertIntact(backupPath).commits).toBeGreaterThanOrEqual(from)
  expect(await writer.stop()).toBe('')
  await reader.kill()
})

test('the WAL that a killed process left behind is in the backup, and stays byte for byte', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  const writer = await WriterProcess.start(path, directory, { pragmas: 'PRAGMA wal_autocheckpoint = 0' })
  await writer.commitsBeyond(300)
  await writer.kill()
  const before = bytesOf(path)
  expect(before['-wal']?.length).toBeGreaterThan(MEBIBYTE)

  const { backupPath } = await backUp(path)
  expect(bytesOf(path)).toEqual(before)
  const { commits } = assertIntact(backupPath)
  expect(commits).toBeGreaterThanOrEqual(writer.acknowledged)
  expect(assertIntact(path)).toEqual({ commits })
})

test('a WAL that was copied together with its database, without a WAL index, is in the backup', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  const writer = await WriterProcess.start(path, directory, { pragmas: 'PRAGMA wal_autocheckpoint = 0' })
  await writer.commitsBeyond(100)
  await writer.kill()
  rmSync(`${path}-shm`)
  const before = bytesOf(path)
  const { backupPath } = await backUp(path)
  expect(bytesOf(path)).toEqual(before)
  expect(assertIntact(backupPath).commits).toBeGreaterThanOrEqual(writer.acknowledged)
})

test('an uncommitted transaction that a killed process left in the WAL is not in the backup', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path, { commits: 300 })
  const holder = await startScript(HOLD_OPEN, [path, 'PRAGMA wal_autocheckpoint = 0; CREATE TABLE extra (a)'])
  const half = await startScript(HALF_TRANSACTION, [
    path,
    'DELETE FROM log; UPDATE payload SET content = randomblob(3000)',
  ])
  await half.kill()
  await holder.kill()
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(100_000)
  const before = bytesOf(path)
  const { backupPath } = await backUp(path)
  expect(assertIntact(backupPath)).toEqual({ commits: 300 })
  expect(bytesOf(path)).toEqual(before)
})

test.each(['delete', 'truncate', 'persist'] as const)(
  'the hot journal that a process killed in %s mode left behind is rolled back in the backup, and not in place',
  async journalMode => {
    const path = join(temporaryDirectory(), 'ledger.db')
    buildLedger(path, { journalMode, commits: 300 })
    const half = await startScript(HALF_TRANSACTION, [
      path,
      'DELETE FROM log; UPDATE payload SET content = randomblob(3000); UPDATE accounts SET balance = 0',
      `PRAGMA journal_mode = ${journalMode}`,
    ])
    await half.kill()
    const before = bytesOf(path)
    expect(before['-journal']?.length).toBeGreaterThan(100_000)
    // Otherwise the test would prove nothing: without its journal the file is half of a transaction.
    const alone = join(temporaryDirectory(), 'alone.db')
    copyFileSync(path, alone)
    expect(() => assertIntact(alone)).toThrow()

    const { backupPath, snapshotWay, metadata } = await backUp(path)
    expect(snapshotWay).toBe('recovered')
    expect(assertIntact(backupPath)).toEqual({ commits: 300 })
    expect(metadata.journal_mode).toBe('delete')
    expect(bytesOf(path)).toEqual(before)
    expect(assertIntact(path)).toEqual({ commits: 300 })
  },
)

test('a journal that was left empty or finished is no reason to do anything special', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path, { journalMode: 'delete' })
  const holder = await startScript(HOLD_OPEN, [path, 'PRAGMA journal_mode = PERSIST; CREATE TABLE extra (a)'])
  await holder.kill()
  expect(statSync(`${path}-journal`).size).toBeGreaterThan(0)
  const before = bytesOf(path)
  const { backupPath, snapshotWay } = await backUp(path)
  expect(snapshotWay).toBe('rollback')
  expect(assertIntact(backupPath)).toEqual({ commits: 20 })
  expect(bytesOf(path)).toEqual(before)
})
