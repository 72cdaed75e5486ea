/** The files behind a read transaction: what is read is theirs, or nothing is. */
import { copyFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { PinnedFiles, walIndexOf } from '../../src/snapshot/open-image.ts'
import type { WalIndexHeader } from '../../src/snapshot/wal-index.ts'
import type { ReadFacts } from '../../src/sqlite/requests.ts'
import { buildDatabase, buildLedger, openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { WatchedSqlite } from '../support/watched-sqlite.ts'

const { signal } = new AbortController()

/** What SQLite says of the database in a read transaction that lasts until the test ends. */
function beginRead(path: string): Promise<ReadFacts> {
  return new WatchedSqlite().ask('beginRead', { path, waitMs: 0 })
}

/** A ledger with a commit in its WAL, and what a reader's transaction starts from. */
async function pinLedger(): Promise<{ path: string; facts: ReadFacts; index: WalIndexHeader }> {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const connection = openDatabase(path)
  onTestFinished(() => connection.close())
  commitToLedger(connection)
  const facts = await beginRead(path)
  const index = walIndexOf(facts)
  if (index === null) throw new Error('there is no WAL index')
  return { path, facts, index }
}

test('a file that is not the one that SQLite opened is not read', async () => {
  const { path, facts, index } = await pinLedger()
  const other = join(temporaryDirectory(), 'ledger.db')
  copyFileSync(path, other)
  copyFileSync(`${path}-wal`, `${other}-wal`)
  expect(() => new PinnedFiles(other, facts, index)).toThrow(
    expect.objectContaining({ code: 'DATABASE_CHANGING', path: other }),
  )
})

test('a WAL that is not the one of the WAL index is not read', async () => {
  const { path, facts, index } = await pinLedger()
  using pinned = new PinnedFiles(path, facts, index)
  expect((await pinned.loadImage(signal)).wal).not.toBeNull()
  using other = new PinnedFiles(path, facts, { ...index, salts: Buffer.alloc(8, 1) })
  await expect(other.loadImage(signal)).rejects.toMatchObject({
    code: 'DATABASE_CHANGING',
    path: `${path}-wal`,
  })
})

test('a WAL that has lost its header is not read', async () => {
  const { path, facts, index } = await pinLedger()
  using pinned = new PinnedFiles(path, facts, index)
  writeFileSync(`${path}-wal`, Buffer.alloc(32), { flag: 'r+' })
  await expect(pinned.loadImage(signal)).rejects.toMatchObject({ code: 'DATABASE_CHANGING' })
})

test('where SQLite cannot say how many pages there are, the WAL index or the file itself says it', async () => {
  const { path, facts, index } = await pinLedger()
  using byIndex = new PinnedFiles(path, { ...facts, pageCount: null }, index)
  expect(byIndex.bare.pageCount).toBe(facts.pageCount)

  const file = join(temporaryDirectory(), 'file.db')
  buildDatabase(file, 'CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(50000))', { journalMode: 'delete' })
  const facts2 = await beginRead(file)
  using byFile = new PinnedFiles(file, { ...facts2, pageCount: null }, null)
  expect(byFile.bare.pageCount).toBe(facts2.pageCount)
  expect(facts2.pageCount).toBeGreaterThan(10)
})

test('a path that leads to another file by now is not what was read', async () => {
  const { path, facts, index } = await pinLedger()
  using pinned = new PinnedFiles(path, facts, index)
  expect(() => pinned.requireInPlace()).not.toThrow()
  const other = join(temporaryDirectory(), 'other.db')
  copyFileSync(path, other)
  renameSync(other, path)
  expect(() => pinned.requireInPlace()).toThrow(expect.objectContaining({ code: 'DATABASE_CHANGING', path }))
})

test('an empty file is an image of no pages, that nobody has committed to', async () => {
  const path = join(temporaryDirectory(), 'empty.db')
  writeFileSync(path, '')
  using pinned = new PinnedFiles(path, await beginRead(path), null)
  expect(pinned.bare).toMatchObject({ pageSize: 0, pageCount: 0 })
  expect(pinned.changeCounter).toBeNull()
})
