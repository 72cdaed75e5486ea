/** Comparing what was restored with the backup: every byte counts, apart from those that SQLite sets itself. */
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { compareImage } from '../../src/operations/compare-image.ts'
import { parseDatabaseHeader } from '../../src/snapshot/database-header.ts'
import type { Image } from '../../src/snapshot/image.ts'
import { buildDatabase } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const PAGE_BYTES = 4096
const LOCK_PAGE = 0x40000000
const options = { signal: new AbortController().signal, onBytes: () => {} }

/** A database of a few megabytes, and a copy of it. */
function makePair(): { one: string; other: string } {
  const directory = temporaryDirectory()
  const [one, other] = [join(directory, 'one.db'), join(directory, 'other.db')]
  buildDatabase(one, 'CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(3000000))', {
    journalMode: 'delete',
  })
  copyFileSync(one, other)
  return { one, other }
}

function imageOf(path: string): Image {
  const fd = openSync(path, 'r')
  onTestFinished(() => closeSync(fd))
  const header = parseDatabaseHeader(readFileSync(path).subarray(0, 100))
  if (header?.pageCount == null) throw new Error('the header does not say how many pages there are')
  return { path, mainFd: fd, pageSize: header.pageSize, pageCount: header.pageCount, wal: null }
}

function change(path: string, position: number, length = 1): void {
  const fd = openSync(path, 'r+')
  const bytes = Buffer.alloc(length)
  readSync(fd, bytes, 0, length, position)
  // Whatever was there, it is another now.
  writeSync(
    fd,
    bytes.map(byte => byte ^ 0xff),
    0,
    length,
    position,
  )
  closeSync(fd)
}

test('a copy is equal, also where SQLite has set bytes of the first page', async () => {
  const { one, other } = makePair()
  expect(await compareImage(imageOf(one), other, options)).toBe(true)
  for (const [position, length] of [
    [18, 2],
    [40, 4],
  ] as const) {
    change(other, position, length)
    expect(await compareImage(imageOf(one), other, options)).toBe(true)
  }
})

test.each([20, 100, PAGE_BYTES, (1 << 20) + 18, 2_500_000])(
  'a byte that differs at %i is a difference',
  async position => {
    const { one, other } = makePair()
    change(other, position)
    expect(await compareImage(imageOf(one), other, options)).toBe(false)
  },
)

test('the room behind a database is not part of it', async () => {
  const { one, other } = makePair()
  truncateSync(other, readFileSync(one).length + PAGE_BYTES)
  expect(await compareImage(imageOf(one), other, options)).toBe(true)
})

test('a backup whose header does not say how many pages it has is compared to the end of its file', async () => {
  const { one, other } = makePair()
  const image = imageOf(one)
  for (const path of [one, other]) {
    const bytes = readFileSync(path)
    bytes.writeUInt32BE(0, 28)
    writeFileSync(path, bytes)
  }
  expect(await compareImage(image, other, options)).toBe(true)
  truncateSync(other, readFileSync(one).length - PAGE_BYTES)
  expect(await compareImage(image, other, options)).toBe(false)
})

test('the page that SQLite locks, at one gigabyte, is nobody’s content; the one behind it is', async () => {
  const directory = temporaryDirectory()
  const [one, other] = [join(directory, 'one.db'), join(directory, 'other.db')]
  buildDatabase(one, 'CREATE TABLE t (a)', { journalMode: 'delete' })
  const small = imageOf(one)
  // As large as needed without taking the disk's space: what was never written reads as zeros.
  const header = readFileSync(one)
  header.writeUInt32BE((LOCK_PAGE + 2 * PAGE_BYTES) / PAGE_BYTES, 28)
  writeFileSync(one, header)
  truncateSync(one, LOCK_PAGE + 2 * PAGE_BYTES)
  writeFileSync(other, header)
  truncateSync(other, LOCK_PAGE + 2 * PAGE_BYTES)
  const image = { ...small, pageCount: (LOCK_PAGE + 2 * PAGE_BYTES) / PAGE_BYTES }
  change(other, LOCK_PAGE, PAGE_BYTES)
  expect(await compareImage(image, other, options)).toBe(true)
  change(other, LOCK_PAGE + PAGE_BYTES)
  expect(await compareImage(image, other, options)).toBe(false)
})
