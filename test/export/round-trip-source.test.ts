/** What an export reads, and what it leaves as it was: live databases with writers, in every mode, and backups. */
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { buildDatabase, buildLedger, type JournalMode, openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { realDatabases } from '../support/real-databases.ts'
import { testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { WriterProcess } from '../support/writer-process.ts'
import { expectSameContent, Workplace } from './build-round-trip.ts'

/** Everything about a database's files that an export must not change; the WAL index may change, it is no data. */
function stateOf(path: string): unknown {
  return filesBelow(dirname(path))
    .filter(name => name.startsWith(basename(path)))
    .map(name => {
      const { mode, mtimeMs, ino, size } = statSync(join(dirname(path), name))
      const isIndex = name.endsWith('-shm')
      const bytes = isIndex ? null : readFileSync(join(dirname(path), name)).toString('base64')
      return { name, mode, ino, ...(isIndex ? {} : { size, mtimeMs, bytes }) }
    })
}

/** Imports an export of a ledger and answers which commit it is; it must be exactly one. */
async function commitIn(exportPath: string, database: ReturnType<typeof protect>): Promise<number> {
  const to = join(temporaryDirectory(), 'imported.db')
  succeeded(await database.importData({ from: exportPath, to }))
  return assertIntact(to).commits
}

const MODES: readonly JournalMode[] = ['wal', 'delete', 'truncate', 'persist']

describe.each(MODES)('of a database in %s mode', journalMode => {
  test('an export is one commit while two writers write, and includes what was acknowledged before', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'ledger.db')
    buildLedger(path, { journalMode, autoVacuum: 'full' })
    const pragmas = `PRAGMA journal_mode = ${journalMode}; PRAGMA synchronous = OFF`
    const writers = [
      await WriterProcess.start(path, directory, { pragmas }),
      await WriterProcess.start(path, directory, { pragmas }),
    ]
    const newest = (): number => Math.max(...writers.map(({ acknowledged }) => acknowledged))
    const database = protect(path, { engine: 'here' })
    for (const format of ['json', 'csv', 'sql'] as const) {
      const from = newest()
      const { exportPath } = succeeded(await database.exportData({ format, includeSensitive: true }))
      const to = newest()
      const commits = await commitIn(exportPath, database)
      expect(commits).toBeGreaterThanOrEqual(from)
      // A writer may have made one that it has not noted yet.
      expect(commits).toBeLessThanOrEqual(to + writers.length)
    }
    expect(await Promise.all(writers.map(writer => writer.stop()))).toEqual(['', ''])
  })

  test('the files of a closed database are as they were', async () => {
    const path = join(temporaryDirectory(), 'ledger.db')
    buildLedger(path, { journalMode })
    const before = stateOf(path)
    const database = protect(path, { engine: 'here' })
    succeeded(await database.exportData({ format: 'csv', zip: true }))
    succeeded(await database.exportData({ format: 'parquet' }))
    failedWith('INVALID_ARGUMENT', await database.exportData({ where: { log: 'no sql' } }))
    expect(stateOf(path)).toEqual(before)
    expect(filesBelow(join(path, '..', 'backups')).filter(name => name.includes('chame-work'))).toEqual([])
  })

  test('the files of an open database are as they were, also those with commits only in the log', async () => {
    const path = join(temporaryDirectory(), 'ledger.db')
    buildLedger(path, { journalMode })
    const connection = openDatabase(path, { journalMode })
    connection.exec('PRAGMA wal_autocheckpoint = 0')
    for (let i = 0; i < 5; i++) commitToLedger(connection)
    const before = stateOf(path)
    if (journalMode === 'wal') expect(statSync(`${path}-wal`).size).toBeGreaterThan(0)
    const database = protect(path)
    const { exportPath } = succeeded(await database.exportData({ format: 'ndjson', includeSensitive: true }))
    expect(stateOf(path)).toEqual(before)
    expect(await commitIn(exportPath, database)).toBe(25)
    connection.close()
  })

  test('no writer waits for an export, however slow that is', async () => {
    const path = join(temporaryDirectory(), 'ledger.db')
    buildLedger(path, { journalMode })
    const connection = openDatabase(path, { journalMode })
    // A writer that gives up at once when somebody holds a lock against it.
    connection.exec('PRAGMA busy_timeout = 0')
    const committed: number[] = []
    const { exportPath } = succeeded(
      await protect(path, { engine: 'here' }).exportData({
        format: 'json',
        includeSensitive: true,
        onProgress: ({ step }) => {
          // Rows are being written: whatever had to be locked for that is locked.
          if (step === 'write-rows' && committed.length < 3) committed.push(commitToLedger(connection))
        },
      }),
    )
    connection.close()
    expect(committed).toEqual([21, 22, 23])
    expect(await commitIn(exportPath, protect(path))).toBe(20)
  })
})

test('a log that its writer left behind when it was killed is part of the export', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  const writer = await WriterProcess.start(path, directory)
  await writer.commitsBeyond(40)
  await writer.kill()
  expect(existsSync(`${path}-wal`)).toBe(true)
  const database = protect(path, { engine: 'here' })
  const { exportPath } = succeeded(await database.exportData({ includeSensitive: true }))
  expect(await commitIn(exportPath, database)).toBe(assertIntact(path).commits)
})

test.each(['json', 'csv', 'sql'] as const)(
  'a stored backup is exported as %s as it is, whatever the database has become',
  async format => {
    const path = join(temporaryDirectory(), 'ledger.db')
    buildLedger(path)
    const { filename, backupPath } = await backUp(path, {}, { engine: 'here' })
    const connection = openDatabase(path)
    commitToLedger(connection)
    connection.close()
    const database = protect(path, { engine: 'here' })
    const before = stateOf(backupPath)
    const made = succeeded(await database.exportData({ from: filename, format, includeSensitive: true }))
    expect(await commitIn(made.exportPath, database)).toBe(20)
    expect(stateOf(backupPath)).toEqual(before)
    const said = readFileSync(
      format === 'csv' ? join(made.exportPath, 'schema.json') : made.exportPath,
      'utf8',
    )
    expect(said).toMatch(new RegExp(`"backup": ?"${filename.replaceAll('.', '\\.')}"`))
    const latest = succeeded(await database.exportData({ from: 'latest', format, includeSensitive: true }))
    expect(latest.rows).toBe(made.rows)
  },
)

testWith(['linux'], 'an export that fails leaves no file open, and nothing behind', async () => {
  using place = new Workplace()
  buildDatabase(place.source, 'CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)')
  // Fails at the third row only.
  const where = { t: 'abs(-9223372036854775805 - a) > 0' }
  const openFiles = (): string[] =>
    readdirSync('/proc/self/fd').flatMap(fd => {
      const file = readlinkSafely(`/proc/self/fd/${fd}`)
      return file.startsWith(place.directory) ? [file] : []
    })
  for (const request of [
    { format: 'json' },
    { format: 'json', compress: 'zstd' },
    { format: 'csv' },
    { format: 'csv', compress: 'gzip' },
    { format: 'csv', zip: true },
    { format: 'parquet' },
    { format: 'parquet', zip: true },
  ] as const) {
    failedWith('INVALID_ARGUMENT', await place.database.exportData({ ...request, where }))
    expect(openFiles(), JSON.stringify(request)).toEqual([])
    expect(filesBelow(join(place.directory, 'backups', 'exports'))).toEqual([])
  }
})

function readlinkSafely(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // The descriptor that listed them.
    return ''
  }
}

test('an empty file is an empty database', async () => {
  using place = new Workplace()
  new DatabaseSync(place.source).close()
  expect(statSync(place.source).size).toBe(0)
  for (const format of ['json', 'ndjson', 'csv', 'sql'] as const) {
    const { rows, exportPath } = await place.export({ format })
    expect(rows).toBe(0)
    const to = join(place.directory, `${format}.db`)
    expect(await place.database.importData({ from: exportPath, to })).toMatchObject({
      success: true,
      rows: 0,
    })
  }
})

describe.each(realDatabases())('of %s', (_, path) => {
  test.each(['json', 'ndjson', 'csv', 'sql'] as const)(
    'an export as %s, imported again, is the same',
    async format => {
      using place = new Workplace()
      const connection = new DatabaseSync(path, { readOnly: true })
      connection.exec(`VACUUM INTO '${place.source}'`)
      connection.close()
      await place.expectSame({ format })
      expectSameContent(place.source, place.target)
    },
  )
})
