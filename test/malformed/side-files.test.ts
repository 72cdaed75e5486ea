import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BackupError } from '../../src/index.ts'
import { takeFromQuiescentFiles } from '../../src/snapshot/take-quiescent.ts'
import { SqliteProcess } from '../../src/sqlite/sqlite-process.ts'
import { isFull, select } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { journalBase, walBase } from './bases.ts'
import { damagedJournals, damagedWals, journalsBesideWals } from './generate-wal.ts'
import { judgeAll } from './judge-all.ts'
import { Oracle } from './oracle.ts'
import { expectRecorded } from './recorded.ts'
import { expectSqlitesImage } from './sqlites-image.ts'

const wals = damagedWals(walBase(), walBase(1024))

test.each([
  ['write-ahead log', wals, 130],
  ['hot journal', damagedJournals(journalBase()), 60],
  ['journal beside a write-ahead log', journalsBesideWals(walBase(), journalBase()), 10],
] as const)(
  'with a damaged or hostile %s a backup is exactly what SQLite reads, or a typed error, and the source stays as it is',
  async (what, images, count) => {
    const { classes, broken, sound, refused } = await judgeAll(select(images, count), expectSqlitesImage)
    publish({
      group: 'Malformed databases',
      what: `generated, ${what}`,
      count: sound + refused,
      unit: 'images',
      outcome: `${sound} read exactly as SQLite does, ${refused} refused or reported, ${broken.length} otherwise`,
    })
    expect(broken).toEqual([])
    expectRecorded('generated', classes)
  },
  3_600_000,
)

test('our own reading of a damaged or hostile write-ahead log, without SQLite, is exactly SQLite’s, or a typed error', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'image.db')
  using oracle = new Oracle(directory)
  const classes = new Map<string, string>()
  let equal = 0
  for (const { id, bytes, wal } of isFull ? wals : select(wals, 300)) {
    for (const suffix of ['', '-wal']) rmSync(`${path}${suffix}`, { force: true })
    writeFileSync(path, bytes)
    if (wal !== undefined) writeFileSync(`${path}-wal`, wal)
    const read = await readQuiescent(path, join(directory, 'taken'))
    if (read instanceof BackupError) {
      expect(
        ['DATABASE_DAMAGED', 'DATABASE_INVALID', 'INSUFFICIENT_SPACE'],
        `${id}: ${read.message}`,
      ).toContain(read.code)
    } else {
      const { image, full } = await oracle.ask({ id, bytes, wal }, { wantsImage: true })
      if (image === null) {
        // SQLite finds damage before it can show its pages; then the check of what we read must find it, too.
        expect(full, id).toBe('error 11')
        expect((await oracle.ask({ id, bytes: read })).full, id).not.toBe('ok')
      } else {
        expect(read.equals(image), `${id}: other bytes than SQLite's`).toBe(true)
        equal++
      }
    }
    classes.set(`quiescent/${id}`, read instanceof BackupError ? read.code : 'as SQLite reads it')
  }
  publish({
    group: 'Malformed databases',
    what: 'generated, write-ahead log, read without SQLite',
    count: classes.size,
    unit: 'images',
    outcome: `${equal} read exactly as SQLite does, ${classes.size - equal} refused, as SQLite does, or damaged`,
  })
  expectRecorded('generated', classes)
}, 3_600_000)

/** The image; or the typed error. Anything else is thrown. */
async function readQuiescent(path: string, directory: string): Promise<Buffer | BackupError> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  try {
    const { file } = await takeFromQuiescentFiles(path, {
      sqlite: new SqliteProcess(),
      signal: new AbortController().signal,
      waitMs: 0,
      file: join(directory, 'image.db'),
      // As the product does: a hostile log may ask for any size.
      onSize: async bytes => {
        if (bytes > 1 << 30) throw new BackupError('INSUFFICIENT_SPACE', 'Insufficient disk space')
      },
      onBytes: () => {},
    })
    return readFileSync(file)
  } catch (error) {
    if (error instanceof BackupError) return error
    throw error
  }
}
