import fc from 'fast-check'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { endianness, tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import {
  framePagePosition,
  parseWalHeader,
  readPinnedFrames,
  readUnpinnedFrames,
  readWalHeader,
  type WalContent,
} from '../../src/snapshot/wal.ts'
import { walChecksum } from '../../src/snapshot/wal-checksum.ts'
import { parseWalIndexHeader } from '../../src/snapshot/wal-index.ts'
import { openDatabase } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const signal = new AbortController().signal

/** Reads the WAL of the database at `path`; null when there is nothing in it. */
async function scan(
  path: string,
  maxFrame?: number,
): Promise<{ content: WalContent; pageSize: number } | null> {
  const fd = openSync(`${path}-wal`, 'r')
  try {
    const header = readWalHeader({ fd, path })
    if (header === null) return null
    const options = { fd, path, header, signal }
    const content =
      maxFrame === undefined ? await readUnpinnedFrames(options) : await readPinnedFrames(maxFrame, options)
    return { content, pageSize: header.pageSize }
  } finally {
    closeSync(fd)
  }
}

/** The image that our reader sees: the main file with the newest frame of each page laid over it. */
function imageOf(path: string, { content, pageSize }: { content: WalContent; pageSize: number }): Buffer {
  const image = Buffer.alloc(content.pageCount * pageSize)
  readFileSync(path).copy(image)
  const wal = readFileSync(`${path}-wal`)
  for (const page of content.table.pages()) {
    if (page > content.pageCount) continue
    const at = framePagePosition(content.table.get(page), pageSize)
    wal.copy(image, (page - 1) * pageSize, at, at + pageSize)
  }
  return image
}

/** What is done to a database, one statement or transaction after another. */
const actions = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('insert'),
        rows: fc.integer({ min: 1, max: 20 }),
        bytes: fc.integer({ min: 0, max: 9_000 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('delete'),
        rows: fc.integer({ min: 1, max: 30 }),
        bytes: fc.constant(0),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('update'),
        rows: fc.integer({ min: 1, max: 30 }),
        bytes: fc.integer({ min: 0, max: 5_000 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('rollback', 'spill', 'checkpoint', 'restart', 'vacuum'),
        rows: fc.integer({ min: 1, max: 30 }),
        bytes: fc.integer({ min: 0, max: 3_000 }),
      }),
    },
  ),
  { minLength: 1, maxLength: 25 },
)

function act(
  connection: DatabaseSync,
  { kind, rows, bytes }: { kind: string; rows: number; bytes: number },
): void {
  const insert = (): void => {
    const statement = connection.prepare('INSERT INTO t (b) VALUES (randomblob(?))')
    for (let i = 0; i < rows; i++) statement.run(bytes)
  }
  connection.exec('BEGIN IMMEDIATE; ROLLBACK')
  switch (kind) {
    case 'insert':
      connection.exec('BEGIN')
      insert()
      connection.exec('COMMIT')
      break
    case 'delete':
      connection.prepare('DELETE FROM t WHERE a IN (SELECT a FROM t ORDER BY a LIMIT ?)').run(rows)
      break
    case 'update':
      connection
        .prepare('UPDATE t SET b = randomblob(?) WHERE a IN (SELECT a FROM t ORDER BY a DESC LIMIT ?)')
        .run(bytes, rows)
      break
    case 'rollback':
    case 'spill':
      // Frames of a transaction that outgrew the cache are in the WAL before it ends, and stay when it never commits.
      connection.exec(`PRAGMA cache_size = ${kind === 'spill' ? 1 : 100}; BEGIN`)
      insert()
      connection.exec('ROLLBACK; PRAGMA cache_size = 100')
      break
    case 'checkpoint':
      connection.exec('PRAGMA wal_checkpoint(PASSIVE)')
      break
    case 'restart':
      connection.exec('PRAGMA wal_checkpoint(RESTART)')
      break
    default:
      connection.exec('VACUUM')
  }
}

test('after any transactions the WAL, as we read it, gives the image that SQLite sees, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(512, 1024, 4096, 65_536),
      fc.constantFrom('none', 'full'),
      actions,
      async (pageSize, autoVacuum, list) => {
        using directory = disposableDirectory()
        const path = join(directory.path, 'a.db')
        const connection = openDatabase(path, { pageSize, autoVacuum: autoVacuum as 'none' | 'full' })
        connection.exec('PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)')
        for (const action of list) act(connection, action)
        // So that the WAL is not empty after a checkpoint.
        connection.exec('INSERT INTO t (b) VALUES (1)')

        const index = parseWalIndexHeader(readStart(`${path}-shm`, 136))
        const unpinned = await scan(path)
        expect(index).not.toBeNull()
        expect(unpinned?.content.maxFrame).toBe(index?.maxFrame)
        expect(unpinned?.content.pageCount).toBe(index?.pageCount)
        expect(index?.pageSize).toBe(pageSize)
        const pinned = await scan(path, index?.maxFrame)
        const expected = Buffer.from(connection.serialize())
        for (const seen of [unpinned, pinned]) {
          expect(seen).not.toBeNull()
          if (seen !== null) expect(imageOf(path, seen).equals(expected)).toBe(true)
        }
        connection.close()
      },
    ),
    { numRuns: 60 },
  )
}, 120_000)

/** For runs of a property, of which one test has many. */
function disposableDirectory(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'chame-wal-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

function readStart(path: string, bytes: number): Buffer {
  const fd = openSync(path, 'r')
  const buffer = Buffer.alloc(bytes)
  readSync(fd, buffer, 0, bytes, 0)
  closeSync(fd)
  return buffer
}

/** A WAL with twenty commits, nobody having it open any more. */
function makeWal(): { path: string; commits: number } {
  const directory = temporaryDirectory()
  const path = join(directory, 'a.db')
  const original = openDatabase(join(directory, 'original.db'))
  original.exec('PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)')
  for (let i = 0; i < 20; i++) original.exec('INSERT INTO t (b) VALUES (randomblob(3000))')
  for (const suffix of ['', '-wal']) copyFileSync(join(directory, `original.db${suffix}`), `${path}${suffix}`)
  original.close()
  return { path, commits: 20 }
}

function overwrite(path: string, position: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, bytes, 0, bytes.length, position)
  closeSync(fd)
}

/** What SQLite makes of the files; it checkpoints them when it closes. */
function sqliteImageOf(path: string): Buffer {
  const connection = new DatabaseSync(path)
  const bytes = Buffer.from(connection.serialize())
  connection.close()
  return bytes
}

test('a WAL that was cut or damaged anywhere counts up to the same commit for us as for SQLite', async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), async (where, isCut) => {
      const { path } = makeWalOnce()
      using directory = disposableDirectory()
      const copy = join(directory.path, 'a.db')
      for (const suffix of ['', '-wal']) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`)
      const size = statSync(`${copy}-wal`).size
      const at = Math.floor(where * (size - 1))
      if (isCut) truncateSync(`${copy}-wal`, at)
      else overwrite(`${copy}-wal`, at, Buffer.from([(readFileSync(`${copy}-wal`)[at] ?? 0) ^ 0x10]))
      const seen = await scan(copy)
      const ours = seen === null || seen.content.maxFrame === 0 ? readFileSync(copy) : imageOf(copy, seen)
      expect(ours.equals(sqliteImageOf(copy))).toBe(true)
    }),
    { numRuns: 80 },
  )
})

let made: { path: string } | null = null
function makeWalOnce(): { path: string } {
  if (made === null || !existsSync(made.path)) made = makeWal()
  return made
}

test('a pinned frame that fails its check is an error, never a shorter image', async () => {
  const { path } = makeWal()
  const whole = await scan(path)
  const last = whole?.content.maxFrame ?? 0
  expect(last).toBeGreaterThan(20)
  for (const frame of [1, Math.floor(last / 2), last]) {
    const position = framePagePosition(frame, 4096) + 100
    const good = readFileSync(`${path}-wal`).subarray(position, position + 1)
    overwrite(`${path}-wal`, position, Buffer.from([(good[0] ?? 0) ^ 1]))
    await expect(scan(path, last)).rejects.toMatchObject({
      code: 'DATABASE_DAMAGED',
      message: expect.stringContaining(`frame ${frame} of ${last}`) as unknown,
    })
    overwrite(`${path}-wal`, position, good)
  }
  expect((await scan(path, last))?.content.maxFrame).toBe(last)
  // The last frame that a reader pinned always ends a commit; any other is not what it says.
  await expect(scan(path, last + 1)).rejects.toMatchObject({ code: 'DATABASE_DAMAGED' })
})

test('reading a WAL can be cancelled', async () => {
  const { path } = makeWal()
  const fd = openSync(`${path}-wal`, 'r')
  const header = readWalHeader({ fd, path })
  if (header === null) throw new Error('There is no WAL')
  const options = { fd, path, header, signal: AbortSignal.abort() }
  await expect(readUnpinnedFrames(options)).rejects.toMatchObject({ code: 'CANCELLED' })
  closeSync(fd)
})

test('a header with any bit flipped, or cut short, is no header', () => {
  const { path } = makeWal()
  const bytes = readFileSync(`${path}-wal`).subarray(0, 32)
  expect(parseWalHeader(bytes)).toMatchObject({ pageSize: 4096, isNative: expect.any(Boolean) as unknown })
  for (let bit = 0; bit < 32 * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    // The magic number's last bit says in which byte order the checksums are; then they do not fit.
    expect(parseWalHeader(flipped)).toBeNull()
  }
  for (let length = 0; length < 32; length++) expect(parseWalHeader(bytes.subarray(0, length))).toBeNull()
})

test('the index header with any bit of its first copy flipped is not believed', () => {
  const path = join(temporaryDirectory(), 'a.db')
  const connection = openDatabase(path)
  connection.exec('PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a); INSERT INTO t VALUES (1)')
  const bytes = readStart(`${path}-shm`, 136)
  connection.close()
  expect(parseWalIndexHeader(bytes)).toMatchObject({ pageSize: 4096, pageCount: 2, backfilled: 0 })
  for (let bit = 0; bit < 96 * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(parseWalIndexHeader(flipped)).toBeNull()
    // The same damage in both copies is found by the checksum, save in four bytes that nobody uses and that it covers not.
    const both = Buffer.from(flipped)
    flipped.copy(both, bit < 48 * 8 ? 48 : 0, bit < 48 * 8 ? 0 : 48, bit < 48 * 8 ? 48 : 96)
    expect(parseWalIndexHeader(both)).toBeNull()
  }
  expect(parseWalIndexHeader(bytes.subarray(0, 135))).toBeNull()
  expect(parseWalIndexHeader(Buffer.alloc(136))).toBeNull()
})

test('the checksum is the one of SQLite’s documentation, in either byte order and from any offset', () => {
  const words = fc.array(fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff)), { maxLength: 50 })
  fc.assert(
    fc.property(
      words,
      fc.boolean(),
      fc.nat(7),
      fc.nat(0xffffffff),
      fc.nat(0xffffffff),
      (pairs, isNative, shift, first, second) => {
        let [s0, s1] = [BigInt(first), BigInt(second)]
        const mask = 0xffffffffn
        const bytes = Buffer.alloc(pairs.length * 8 + shift)
        pairs.forEach(([a, b], i) => {
          s0 = (s0 + BigInt(a) + s1) & mask
          s1 = (s1 + BigInt(b) + s0) & mask
          for (const [j, word] of [a, b].entries()) {
            const at = shift + i * 8 + j * 4
            if (isNative === (endianness() === 'LE')) bytes.writeUInt32LE(word, at)
            else bytes.writeUInt32BE(word, at)
          }
        })
        const sum = walChecksum(bytes.subarray(shift), { first, second }, isNative)
        expect(sum).toEqual({ first: Number(s0), second: Number(s1) })
      },
    ),
  )
})
