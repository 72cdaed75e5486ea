import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildLedger, type JournalMode } from '../support/databases.ts'
import { assertIntact, withCopy } from '../support/intact.ts'
import { type Call, callElsewhere } from '../support/other-process.ts'
import { backUp, engineProcesses, protect, succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { WriterProcess } from '../support/writer-process.ts'

const WRITERS = 2

interface Taken {
  readonly path: string
  readonly checksum: string
  /** The newest commit that a writer knew of before the backup began, and after it was done. */
  readonly from: number
  readonly to: number
}

function newestOf(writers: readonly WriterProcess[]): number {
  return Math.max(...writers.map(writer => writer.acknowledged))
}

async function takeUnderLoad(journalMode: JournalMode, count: number): Promise<void> {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  // With auto_vacuum nearly every commit changes the number of pages as well.
  buildLedger(path, { journalMode, autoVacuum: 'full' })
  // Set again in each connection: only WAL is a property of the file.
  const pragmas = `PRAGMA journal_mode = ${journalMode}; PRAGMA synchronous = OFF`
  const writers = await Promise.all(
    Array.from({ length: WRITERS }, () => WriterProcess.start(path, directory, { pragmas })),
  )
  const database = protect(path)
  const backups: Taken[] = []
  const failures: string[] = []
  for (let i = 0; i < count; i++) {
    const from = newestOf(writers)
    const result = await database.createBackup({ check: 'none' })
    const to = newestOf(writers)
    if (result.success) {
      backups.push({ path: result.backupPath, checksum: result.metadata.checksum, from, to })
      expect(result.snapshotWay).toBe(journalMode === 'wal' ? 'wal' : 'rollback')
    } else {
      failures.push(`${result.code}: ${result.message}`)
    }
  }
  const writerErrors = await Promise.all(writers.map(writer => writer.stop()))

  expect(failures).toEqual([])
  expect(writerErrors).toEqual(writers.map(() => ''))
  expect(new Set(backups.map(backup => backup.path)).size).toBe(count)
  const { commits: last } = assertIntact(path)
  expect(last).toBe(newestOf(writers))
  expect(last).toBeGreaterThan(backups[0]?.from ?? Number.POSITIVE_INFINITY)
  for (const { path: backup, from, to } of backups) {
    const { commits } = assertIntact(backup)
    // Everything acknowledged before the backup began is in it; of the later commits, a writer may have made
    // one that it has not noted yet.
    expect(commits).toBeGreaterThanOrEqual(from)
    expect(commits).toBeLessThanOrEqual(to + WRITERS)
  }
  const modes = withCopy(path, copy => copy.prepare('PRAGMA journal_mode').get())
  expect(modes).toEqual({ journal_mode: journalMode === 'wal' ? 'wal' : 'delete' })
}

test('200 backups taken while two processes write in WAL mode each equal one committed state', () =>
  takeUnderLoad('wal', 200))

test('100 backups taken while two processes write in DELETE mode each equal one committed state', () =>
  takeUnderLoad('delete', 100))

test('100 backups taken while two processes write in TRUNCATE mode each equal one committed state', () =>
  takeUnderLoad('truncate', 100))

test('backups taken under load record the checksum of the file that is stored, and pass every check', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  const writer = await WriterProcess.start(path, directory)
  const database = protect(path)
  for (let i = 0; i < 10; i++) {
    const { filename, metadata } = succeeded(await database.createBackup({ check: 'full' }))
    expect(metadata.tables).toMatchObject({ accounts: 97, payload: 61, state: 1 })
    expect(succeeded(await database.verifyBackup(filename))).toMatchObject({
      status: 'intact',
      checksum: metadata.checksum,
    })
  }
  expect(await writer.stop()).toBe('')
})

test('backups asked for at the same time from one process wait for each other and all succeed', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  const writer = await WriterProcess.start(path, directory)
  const backups = await Promise.all(Array.from({ length: 6 }, () => backUp(path)))
  expect(await writer.stop()).toBe('')
  expect(new Set(backups.map(backup => backup.filename)).size).toBe(6)
  for (const { backupPath } of backups) assertIntact(backupPath)
})

test('a backup without any patience, under load, equals one committed state or is refused; it is never a mixture', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  const config = join(directory, 'impatient.json')
  writeFileSync(config, JSON.stringify({ waitForLockMs: 0 }))
  const writers = await Promise.all([1, 2].map(() => WriterProcess.start(path, directory)))
  const database = protect(path, { config })
  let made = 0
  for (let i = 0; i < 40; i++) {
    const from = newestOf(writers)
    const result = await database.createBackup({ check: 'none' })
    if (!result.success) {
      expect(['DATABASE_CHANGING', 'DATABASE_LOCKED']).toContain(result.code)
      continue
    }
    made += 1
    expect(result.snapshotWay).toBe('wal')
    expect(assertIntact(result.backupPath).commits).toBeGreaterThanOrEqual(from)
  }
  expect(made).toBeGreaterThan(0)
  for (const writer of writers) expect(await writer.stop()).toBe('')
})

testWith(
  ['linux', 'strace'],
  'commits between the start of the read transaction and the look at the WAL index are not mixed in',
  async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'ledger.db')
    buildLedger(path, { autoVacuum: 'full' })
    const writer = await WriterProcess.start(path, directory)
    // The index is read before the transaction starts and after; every second time the latter is held up.
    const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-P', `${path}-shm`]
    const inject = ['-e', 'trace=pread64', '-e', 'inject=pread64:delay_enter=30000:when=2+4']
    const calls = Array.from({ length: 10 }, (): Call => ['createBackup', { check: 'none' }])
    const options = { path, backupDir: join(directory, 'backups'), engine: 'here' } as const
    const answers = callElsewhere(options, calls, { under: [...under, ...inject] })
    expect(await writer.stop()).toBe('')
    for (const answer of answers) assertIntact(succeeded(answer).backupPath)
  },
)

testWith(
  ['linux'],
  'a backup that stands still in the middle does not make writers wait in WAL mode, and still equals one committed state',
  async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'ledger.db')
    buildLedger(path)
    await backUp(path)
    const writer = await WriterProcess.start(path, directory)
    const stopped: number[] = []
    try {
      const from = writer.acknowledged
      const pending = protect(path).createBackup({
        onProgress({ step, doneBytes }) {
          // The first bytes are reported under the read transaction.
          if (step !== 'copy-image' || doneBytes !== undefined || stopped.length > 0) return
          stopped.push(...engineProcesses().flatMap(({ engine, sqlite }) => [engine, sqlite ?? []].flat()))
          for (const pid of stopped) process.kill(pid, 'SIGSTOP')
        },
      })
      while (stopped.length === 0) await writer.commitsBeyond(writer.acknowledged)
      await writer.commitsBeyond(writer.acknowledged + 2_000)
      for (const pid of stopped) process.kill(pid, 'SIGCONT')
      const backup = succeeded(await pending)
      expect(assertIntact(backup.backupPath).commits).toBeGreaterThanOrEqual(from)
    } finally {
      for (const pid of stopped) process.kill(pid, 'SIGCONT')
    }
    expect(await writer.stop()).toBe('')
  },
)
