import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDatabaseHeader } from '../../src/snapshot/database-header.ts'
import { type Image, imageSize, readImageRun } from '../../src/snapshot/image.ts'
import { PageTable } from '../../src/snapshot/page-table.ts'
import { RawFile } from '../../src/snapshot/source-files.ts'
import { parseWalHeader, readUnpinnedFrames, readWalHeader } from '../../src/snapshot/wal.ts'
import { walChecksum } from '../../src/snapshot/wal-checksum.ts'
import { parseWalIndexHeader } from '../../src/snapshot/wal-index.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const NEVER = new AbortController().signal

/** A database in WAL mode whose commits stay in the WAL; `run` makes them. Returns copies of its files. */
function filesAfter(
  pageSize: number,
  run: (connection: DatabaseSync) => void,
): { main: string; wal: string; shm: Buffer } {
  const directory = temporaryDirectory()
  const path = join(directory, 'live.db')
  const connection = new DatabaseSync(path)
  connection.exec(`PRAGMA page_size = ${pageSize}; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
    CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)`)
  run(connection)
  const main = join(directory, 'copy.db')
  copyFileSync(path, main)
  copyFileSync(`${path}-wal`, `${main}-wal`)
  const shm = readFileSync(`${path}-shm`)
  connection.close()
  return { main, wal: `${main}-wal`, shm }
}

/** What SQLite itself makes of the files: the main file after it checkpointed the WAL. */
function checkpointed(main: string): Buffer {
  const connection = new DatabaseSync(main)
  connection.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  connection.close()
  return readFileSync(main)
}

async function readOurWay(main: string, wal: string): Promise<Buffer> {
  using mainFile = new RawFile(main)
  using walFile = new RawFile(wal)
  const header = readWalHeader(walFile.fd)
  if (header === null) throw new Error('no WAL header')
  const content = await readUnpinnedFrames({ fd: walFile.fd, path: wal, header, signal: NEVER })
  const image: Image = {
    path: main,
    mainFd: mainFile.fd,
    pageSize: header.pageSize,
    pageCount: content.pageCount,
    wal: { fd: walFile.fd, table: content.table },
  }
  const bytes = Buffer.alloc(imageSize(image))
  readImageRun(image, bytes, 0)
  return bytes
}

const change = fc.oneof(
  fc.record({ kind: fc.constant('insert' as const), bytes: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({ kind: fc.constant('update' as const), bytes: fc.integer({ min: 0, max: 5_000 }) }),
  fc.record({ kind: fc.constant('delete' as const), bytes: fc.constant(0) }),
  fc.record({ kind: fc.constant('vacuum' as const), bytes: fc.constant(0) }),
  fc.record({ kind: fc.constant('roll back' as const), bytes: fc.integer({ min: 0, max: 20_000 }) }),
)

test('what is read from a WAL is what SQLite reads from it, whatever was committed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(512, 1024, 4096, 65_536),
      fc.array(change, { minLength: 1, maxLength: 12 }),
      async (pageSize, changes) => {
        const { main, wal } = filesAfter(pageSize, connection => {
          for (const { kind, bytes } of changes) {
            if (kind === 'insert')
              connection.prepare('INSERT INTO t (body) VALUES (randomblob(?))').run(bytes)
            if (kind === 'update')
              connection.prepare('UPDATE t SET body = randomblob(?) WHERE id % 2 = 0').run(bytes)
            if (kind === 'delete') connection.exec('DELETE FROM t WHERE id % 3 = 0')
            if (kind === 'vacuum') connection.exec('VACUUM')
            if (kind === 'roll back') {
              connection.exec('BEGIN; PRAGMA cache_size = 5')
              connection.prepare('INSERT INTO t (body) VALUES (zeroblob(?))').run(bytes)
              connection.exec('ROLLBACK')
            }
          }
        })
        const ours = await readOurWay(main, wal)
        expect(ours.equals(checkpointed(main))).toBe(true)
      },
    ),
    { numRuns: 40 },
  )
})

test('a WAL that was cut or damaged at any byte reads as an earlier commit, never as something else', async () => {
  const images: Buffer[] = []
  const { wal, main } = filesAfter(512, connection => {
    for (let i = 0; i < 6; i++) connection.prepare('INSERT INTO t (body) VALUES (randomblob(700))').run()
  })
  const whole = readFileSync(wal)
  const { writeFileSync } = await import('node:fs')
  const frame = 512 + 24
  for (let frames = 1; 32 + frames * frame <= whole.length; frames++) {
    writeFileSync(wal, whole.subarray(0, 32 + frames * frame))
    images.push(await readOurWay(main, wal))
  }
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 32, max: whole.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (at, flip) => {
        const damaged = Buffer.from(whole)
        damaged[at] = (damaged[at] ?? 0) ^ flip
        writeFileSync(wal, damaged)
        const read = await readOurWay(main, wal)
        expect(images.some(image => image.equals(read)) || read.length === 0).toBe(true)
      },
    ),
    { numRuns: 200 },
  )
})

test('the WAL index says how many frames and pages the last commit has', () => {
  const { wal, shm } = filesAfter(4096, connection => {
    connection.exec('INSERT INTO t (body) VALUES (randomblob(9000))')
  })
  const header = parseWalIndexHeader(shm)
  const bytes = readFileSync(wal)
  expect(header).toMatchObject({ pageSize: 4096, maxFrame: (bytes.length - 32) / (4096 + 24), backfilled: 0 })
  expect(header?.salts).toEqual(parseWalHeader(bytes)?.salts)
})

test('a WAL index that is being changed, or was never made, is not believed', () => {
  const { shm } = filesAfter(4096, () => {})
  expect(parseWalIndexHeader(Buffer.alloc(136))).toBeNull()
  expect(parseWalIndexHeader(shm.subarray(0, 100))).toBeNull()
  for (let at = 0; at < 96; at++) {
    const torn = Buffer.from(shm)
    torn[at] = (torn[at] ?? 0) ^ 1
    expect(parseWalIndexHeader(torn), `byte ${at}`).toBeNull()
  }
})

test('a page size of 65536, which does not fit its field, is read', () => {
  const { main, shm } = filesAfter(65_536, () => {})
  expect(parseWalIndexHeader(shm)?.pageSize).toBe(65_536)
  expect(parseDatabaseHeader(readFileSync(main))?.pageSize).toBe(65_536)
})

test('a WAL header with any byte changed is no WAL header', () => {
  const { wal } = filesAfter(4096, () => {})
  const bytes = readFileSync(wal).subarray(0, 32)
  expect(parseWalHeader(bytes)).not.toBeNull()
  for (let at = 0; at < 32; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(parseWalHeader(changed), `byte ${at}`).toBeNull()
  }
})

test('the checksum is the same wherever in memory its bytes lie, and for either byte order', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 8, maxLength: 64 }),
      fc.integer({ min: 0, max: 7 }),
      (content, shift) => {
        const bytes = Buffer.from(content.subarray(0, content.length - (content.length % 8)))
        const moved = Buffer.concat([Buffer.alloc(shift), bytes]).subarray(shift)
        const zero = { first: 0, second: 0 }
        expect(walChecksum(moved, zero, true)).toEqual(walChecksum(bytes, zero, true))
        expect(walChecksum(Buffer.from(bytes).swap32(), zero, false)).toEqual(walChecksum(bytes, zero, true))
      },
    ),
  )
})

test('a page table answers what was last said of a page, and lists its pages in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: 0xffff_ffff }))),
      entries => {
        const table = new PageTable()
        for (const [page, frame] of entries) table.set(page, frame)
        const expected = new Map(entries)
        const copy = PageTable.fromLeaves(table.toLeaves())
        expect([...copy.pages()]).toEqual([...expected.keys()].toSorted((a, b) => a - b))
        for (const [page, frame] of expected) expect(copy.get(page)).toBe(frame)
        expect(copy.get(20_000)).toBe(0)
      },
    ),
  )
})
