import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { isPageSize, parseDatabaseHeader } from '../../src/snapshot/database-header.ts'
import { buildLedger } from '../support/databases.ts'
import { realDatabases } from '../support/real-databases.ts'
import { temporaryDirectory } from '../support/temporary.ts'

for (const journalMode of ['wal', 'delete'] as const) {
  test.each([512, 1024, 4096, 32_768, 65_536])(
    `the header of a ${journalMode} database with pages of %i bytes is understood`,
    pageSize => {
      const path = join(temporaryDirectory(), 'a.db')
      buildLedger(path, { journalMode, pageSize })
      const bytes = readFileSync(path)
      expect(parseDatabaseHeader(bytes)).toEqual({
        pageSize,
        isWal: journalMode === 'wal',
        pageCount: bytes.length / pageSize,
        changeCounter: bytes.readUInt32BE(24),
        userVersion: 0,
      })
    },
  )
}

test.each(realDatabases())('the header of %s, which others wrote, says what SQLite says', (_, path) => {
  const copy = new DatabaseSync(path, { readOnly: true })
  const pragma = (name: string): number =>
    Number(Object.values(copy.prepare(`PRAGMA ${name}`).get() ?? {})[0])
  const expected = {
    pageSize: pragma('page_size'),
    pageCount: pragma('page_count'),
    userVersion: pragma('user_version'),
  }
  copy.close()
  const header = parseDatabaseHeader(readFileSync(path))
  const inFile = readFileSync(path).length / expected.pageSize
  const { pageSize, pageCount, userVersion } = header ?? {}
  expect({ pageSize, pageCount: pageCount ?? inFile, userVersion }).toEqual(expected)
})

test('a page count that SQLite would not trust is not told', () => {
  const path = join(temporaryDirectory(), 'a.db')
  buildLedger(path)
  const bytes = readFileSync(path)
  const zero = Buffer.from(bytes)
  zero.writeUInt32BE(0, 28)
  expect(parseDatabaseHeader(zero)?.pageCount).toBeNull()
  const old = Buffer.from(bytes)
  old.writeUInt32BE(bytes.readUInt32BE(92) + 1, 92)
  expect(parseDatabaseHeader(old)?.pageCount).toBeNull()
})

test('bytes that are no header are none, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      expect(parseDatabaseHeader(Buffer.from(bytes))).toBeNull()
    }),
  )
  const magic = Buffer.alloc(100)
  magic.write('SQLite format 3\0', 'latin1')
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 65_535 }), stored => {
      magic.writeUInt16BE(stored, 16)
      expect(parseDatabaseHeader(magic) !== null).toBe(stored === 1 || (isPageSize(stored) && stored !== 1))
    }),
  )
  expect(parseDatabaseHeader(magic.subarray(0, 99))).toBeNull()
})

test('page sizes are the powers of two from 512 to 65536', () => {
  const sizes = Array.from({ length: 70_000 }, (_, size) => size).filter(isPageSize)
  expect(sizes).toEqual([512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536])
})
