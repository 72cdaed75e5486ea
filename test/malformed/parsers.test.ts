/** The parsers that read what others wrote: whatever the bytes are, they answer or throw a typed error. */
import fc from 'fast-check'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BackupError } from '../../src/index.ts'
import { isPageSize, parseDatabaseHeader } from '../../src/snapshot/database-header.ts'
import { forgetSuperJournal } from '../../src/snapshot/super-journal.ts'
import { takeFromQuiescentFiles } from '../../src/snapshot/take-quiescent.ts'
import { isOfUnknownVersion, parseWalHeader } from '../../src/snapshot/wal.ts'
import { parseWalIndexHeader } from '../../src/snapshot/wal-index.ts'
import { SqliteProcess } from '../../src/sqlite/sqlite-process.ts'
import { isFull, SEED } from '../faults/extent.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { journalBase, walBase } from './bases.ts'
import { framesOf, walOf } from './wal-file.ts'

const RUNS = isFull ? 5_000 : 300
const base = walBase()

/** Bytes without any sense, and sound ones with some of theirs replaced, cut and lengthened. */
function like(sound: Buffer): fc.Arbitrary<Buffer> {
  const patch = fc.tuple(fc.nat(sound.length), fc.uint8Array({ minLength: 1, maxLength: 8 }))
  const patched = fc
    .tuple(
      fc.array(patch, { maxLength: 6 }),
      fc.oneof(fc.constant(sound.length), fc.nat(sound.length)),
      fc.uint8Array({ maxLength: 40 }),
    )
    .map(([patches, length, tail]) => {
      const bytes = Buffer.from(sound)
      for (const [at, content] of patches) Buffer.from(content).copy(bytes, at)
      return Buffer.concat([bytes.subarray(0, length), tail])
    })
  return fc.oneof(
    { weight: 4, arbitrary: patched },
    fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)),
  )
}

/** Logs whose checksums are right, of frames that make no sense. */
const forgedWals = fc
  .tuple(
    fc.array(
      fc.record({
        page: fc.oneof(fc.nat(30), fc.nat(0xffffffff)),
        commit: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(0xffffffff)),
        of: fc.nat(100),
      }),
      { maxLength: 12 },
    ),
    fc.boolean(),
  )
  .map(([list, isBigEndian]) => {
    const frames = framesOf(base.wal)
    const made = list.map(({ page, commit, of }) => ({
      page,
      commit,
      content: frames[of % frames.length]?.content ?? Buffer.alloc(512),
    }))
    return walOf(made, { pageSize: base.pageSize, isBigEndian })
  })

test('headers of databases, logs and log indexes are understood or not, whatever their bytes', () => {
  fc.assert(
    fc.property(
      like(base.bytes.subarray(0, 200)),
      like(base.wal.subarray(0, 200)),
      like(Buffer.alloc(136, 1)),
      (database, wal, index) => {
        const header = parseDatabaseHeader(database)
        if (header !== null) expect(isPageSize(header.pageSize)).toBe(true)
        const walHeader = parseWalHeader(wal)
        if (walHeader !== null) expect(isPageSize(walHeader.pageSize)).toBe(true)
        expect(walHeader !== null && isOfUnknownVersion(wal)).toBe(false)
        expect([null, 'object']).toContain(parseWalIndexHeader(index) === null ? null : 'object')
      },
    ),
    { numRuns: RUNS * 4, seed: SEED },
  )
})

test('a database and a log of any bytes are read, or refused with a typed error', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'any.db')
  const taken = join(directory, 'taken')
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.constant(base.bytes), like(base.bytes)),
      fc.oneof(like(base.wal), forgedWals),
      async (bytes, wal) => {
        rmSync(taken, { recursive: true, force: true })
        mkdirSync(taken)
        writeFileSync(path, bytes)
        writeFileSync(`${path}-wal`, wal)
        await takeFromQuiescentFiles(path, {
          sqlite: new SqliteProcess(),
          signal: new AbortController().signal,
          waitMs: 0,
          file: join(taken, 'image.db'),
          onSize: async size => {
            if (size > 1 << 26) throw new BackupError('INSUFFICIENT_SPACE', 'Insufficient disk space')
          },
          onBytes: () => {},
        }).catch((error: unknown) => {
          expect(error).toBeInstanceOf(BackupError)
        })
      },
    ),
    { numRuns: RUNS, seed: SEED },
  )
}, 600_000)

test('a journal of any bytes has a super-journal or none, and loses at most its name', async () => {
  const path = join(temporaryDirectory(), 'any-journal')
  const { journal } = journalBase()
  await fc.assert(
    fc.asyncProperty(like(journal.subarray(-200)), async bytes => {
      writeFileSync(path, bytes)
      await forgetSuperJournal(path)
    }),
    { numRuns: RUNS, seed: SEED },
  )
})
