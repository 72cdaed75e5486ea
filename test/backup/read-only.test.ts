import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { buildLedger, openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import {
  type Answer,
  type Call,
  callElsewhere,
  UNPRIVILEGED,
  withReadOnly,
} from '../support/other-process.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { commitToLedger } from '../support/ledger.ts'
import { isRoot, testWith } from '../support/requirements.ts'
import { HALF_TRANSACTION, startScript } from '../support/scripts.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { WriterProcess } from '../support/writer-process.ts'

const NEEDS_SETPRIV = isRoot ? ['setpriv'] : []
const BACK_UP: readonly Call[] = [['createBackup', { check: 'full' }]]

interface Place {
  /** The directory of the database, to be made read-only. */
  readonly data: string
  readonly path: string
  readonly backupDir: string
}

function makePlace(): Place {
  const directory = temporaryDirectory()
  const data = join(directory, 'data')
  mkdirSync(data)
  // The directory must be removable again, whatever the test made of it.
  onTestFinished(() => chmodSync(data, 0o755))
  return { data, path: join(data, 'ledger.db'), backupDir: join(directory, 'backups') }
}

function backUpElsewhere({ path, backupDir }: Place, under: readonly string[] = UNPRIVILEGED): Answer {
  return callElsewhere({ path, backupDir }, BACK_UP, { under })[0] as Answer
}

for (const journalMode of ['wal', 'delete'] as const) {
  for (const [what, directoryMode, fileMode] of [
    ['database in a read-only directory', 0o555, 0o644],
    ['read-only database', 0o755, 0o444],
    ['read-only database in a read-only directory', 0o555, 0o444],
  ] as const) {
    testWith(NEEDS_SETPRIV, `a ${what} is backed up without writing there, in ${journalMode} mode`, () => {
      const place = makePlace()
      buildLedger(place.path, { journalMode })
      chmodSync(place.path, fileMode)
      chmodSync(place.data, directoryMode)
      const before = readFileSync(place.path)
      const { backupPath, metadata } = succeeded(backUpElsewhere(place))
      expect(assertIntact(backupPath)).toEqual({ commits: 20 })
      expect(metadata.journal_mode).toBe(journalMode)
      expect(readFileSync(place.path)).toEqual(before)
      expect(filesBelow(place.data)).toEqual(['ledger.db'])
    })
  }

  testWith(
    ['root', 'unshare'],
    `a database on a read-only file system is backed up, in ${journalMode} mode`,
    () => {
      const place = makePlace()
      buildLedger(place.path, { journalMode })
      const { backupPath } = succeeded(backUpElsewhere(place, withReadOnly(place.data)))
      expect(assertIntact(backupPath)).toEqual({ commits: 20 })
      expect(filesBelow(place.data)).toEqual(['ledger.db'])
    },
  )
}

for (const hasIndex of [true, false]) {
  testWith(
    NEEDS_SETPRIV,
    `a WAL left behind in a read-only directory is in the backup, ${hasIndex ? 'with' : 'without'} its index`,
    async () => {
      const place = makePlace()
      buildLedger(place.path)
      const writer = await WriterProcess.start(place.path, place.data, {
        pragmas: 'PRAGMA wal_autocheckpoint = 0',
      })
      await writer.commitsBeyond(200)
      await writer.kill()
      if (!hasIndex) rmSync(`${place.path}-shm`)
      chmodSync(place.data, 0o555)
      const before = filesBelow(place.data)
      const { backupPath } = succeeded(backUpElsewhere(place))
      expect(assertIntact(backupPath).commits).toBeGreaterThanOrEqual(writer.acknowledged)
      expect(filesBelow(place.data)).toEqual(before)
    },
  )
}

testWith(['root', 'unshare'], 'a WAL left behind on a read-only file system is in the backup', async () => {
  const place = makePlace()
  buildLedger(place.path)
  const writer = await WriterProcess.start(place.path, place.data, {
    pragmas: 'PRAGMA wal_autocheckpoint = 0',
  })
  await writer.commitsBeyond(200)
  await writer.kill()
  const { backupPath } = succeeded(backUpElsewhere(place, withReadOnly(place.data)))
  expect(assertIntact(backupPath).commits).toBeGreaterThanOrEqual(writer.acknowledged)
})

for (const isCheckpointed of [false, true]) {
  for (const encoding of ['plain', 'zstd', 'blocks'] as const) {
    testWith(
      ['root', 'unshare'],
      `an index that a power cut has left older than the WAL is not gone by, the WAL ${isCheckpointed ? '' : 'not '}checkpointed, as ${encoding}`,
      () => {
        const place = makePlace()
        leaveStaleIndex(place.path, isCheckpointed)
        const calls: Call[] = [
          ['createBackup', { check: 'full', encoding }],
          ['verifyBackup', 'latest', { check: 'full' }],
          ['restoreBackup', 'latest', { to: join(place.data, '..', 'restored.db'), confirm: true }],
        ]
        const answers = callElsewhere(place, calls, { under: withReadOnly(place.data) })
        for (const answer of answers) succeeded(answer)
        expect(assertIntact(join(place.data, '..', 'restored.db'))).toEqual({ commits: 60 })
      },
    )
  }
}

/** Files as on a disk after a power cut, or in a snapshot of it: nothing flushes the index, so 20 of 40 commits are not in it. */
function leaveStaleIndex(path: string, isCheckpointed: boolean): void {
  const live = join(temporaryDirectory(), 'live.db')
  buildLedger(live)
  using connection = openDatabase(live)
  connection.exec('PRAGMA wal_autocheckpoint = 0')
  for (let i = 0; i < 20; i++) commitToLedger(connection)
  copyFileSync(`${live}-shm`, `${path}-shm`)
  for (let i = 0; i < 20; i++) commitToLedger(connection)
  if (isCheckpointed) connection.exec('PRAGMA wal_checkpoint(PASSIVE)')
  for (const suffix of ['', '-wal']) copyFileSync(`${live}${suffix}`, `${path}${suffix}`)
}

testWith(
  NEEDS_SETPRIV,
  'a hot journal left behind in a read-only directory is rolled back in the backup, or refused; never ignored',
  async () => {
    const place = makePlace()
    buildLedger(place.path, { journalMode: 'delete', commits: 300 })
    const half = await startScript(HALF_TRANSACTION, [
      place.path,
      'DELETE FROM log; UPDATE payload SET content = randomblob(3000)',
    ])
    await half.kill()
    chmodSync(place.data, 0o555)
    const answer = backUpElsewhere(place)
    if (answer.success) {
      expect(answer.snapshotWay).toBe('recovered')
      expect(assertIntact(answer.backupPath)).toEqual({ commits: 300 })
    } else {
      expect(answer.code).toBe('READ_ONLY')
      expect(answer.hint).toContain('copy')
    }
    expect(existsSync(`${place.path}-journal`)).toBe(true)
  },
)

for (const journalMode of ['wal', 'delete'] as const) {
  testWith(
    ['root', 'setpriv'],
    `a database of another user, who writes without pause and lets us only read it, is backed up as of one commit, in ${journalMode} mode`,
    async () => {
      const place = makePlace()
      buildLedger(place.path, { journalMode })
      chownSync(place.path, 12_345, 12_345)
      chownSync(place.data, 12_345, 12_345)
      const acknowledgements = temporaryDirectory()
      const writer = await WriterProcess.start(place.path, acknowledgements, {
        pragmas: `PRAGMA journal_mode = ${journalMode}; PRAGMA synchronous = OFF`,
      })
      const calls = Array.from({ length: 10 }, () => BACK_UP[0] as Call)
      const from = writer.acknowledged
      const answers = callElsewhere({ path: place.path, backupDir: place.backupDir }, calls, {
        under: UNPRIVILEGED,
      })
      expect(await writer.stop()).toBe('')
      for (const answer of answers) {
        expect(assertIntact(succeeded(answer).backupPath).commits).toBeGreaterThanOrEqual(from)
      }
      expect(filesBelow(place.data)).toEqual(['ledger.db'])
    },
  )
}

testWith(
  NEEDS_SETPRIV,
  'a database that we may not read is an error that says so, and nothing is made',
  () => {
    const place = makePlace()
    buildLedger(place.path)
    chmodSync(place.path, 0o000)
    const { message, hint } = failedWith('PERMISSION_DENIED', backUpElsewhere(place))
    expect(message).toContain(place.path)
    expect(hint).toBeDefined()
    expect(filesBelow(place.backupDir).filter(name => name.includes('_backup_'))).toEqual([])
  },
)

testWith(NEEDS_SETPRIV, 'a backup directory that we may not write is an error that says so', () => {
  const place = makePlace()
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  chmodSync(place.data, 0o555)
  const { message } = failedWith(
    'PERMISSION_DENIED',
    backUpElsewhere({ ...place, path, backupDir: join(place.data, 'b') }),
  )
  expect(message).toContain(place.data)
  expect(filesBelow(place.data)).toEqual([])
})

testWith(
  ['root', 'setpriv'],
  'a backup directory of another user is an error that says so, and stays as it is',
  () => {
    const place = makePlace()
    buildLedger(place.path)
    mkdirSync(place.backupDir)
    chownSync(place.backupDir, 12_345, 12_345)
    const { message } = failedWith('PERMISSION_DENIED', backUpElsewhere(place))
    expect(message).toContain(place.backupDir)
    expect(filesBelow(place.backupDir)).toEqual([])
  },
)

testWith(
  ['root', 'unshare'],
  'a backup directory on a read-only file system is an error that says so',
  () => {
    const place = makePlace()
    const path = join(temporaryDirectory(), 'ledger.db')
    buildLedger(path)
    const answer = backUpElsewhere(
      { ...place, path, backupDir: join(place.data, 'b') },
      withReadOnly(place.data),
    )
    expect(failedWith('READ_ONLY', answer).message).toContain(place.data)
    expect(filesBelow(place.data)).toEqual([])
  },
)

test('an exclusively locked database is an error that says so once the wait is over', () => {
  const place = makePlace()
  buildLedger(place.path, { journalMode: 'delete' })
  const config = join(temporaryDirectory(), 'config.json')
  writeFileSync(config, JSON.stringify({ waitForLockMs: 50 }))
  const open = openDatabase(place.path, { journalMode: 'delete' })
  open.exec('BEGIN EXCLUSIVE')
  const [answer] = callElsewhere({ path: place.path, backupDir: place.backupDir, config }, BACK_UP)
  expect(failedWith('DATABASE_LOCKED', answer as Answer).message).toContain(place.path)
  open.exec('ROLLBACK')
  open.close()
  expect(filesBelow(place.backupDir).filter(name => name.includes('backup_'))).toEqual([])
})
