/** Stored files that were changed: found, named, and never made into a database. */
import { existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { restoreBackup } from '../../src/operations/restore-backup.ts'
import { contextOf } from '../support/operation.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { storedFiles, temporaryDirectory } from '../support/temporary.ts'
import { WatchedSqlite } from '../support/watched-sqlite.ts'
import { expectCommit, flipByte, leftoversIn } from '../restore/scene.ts'
import { COMMITS, newest, openPlace, type Place } from './place.ts'

const ENCODINGS = ['zstd', 'zstd+age'] as const
/** So many places in a file, from its first byte to its last. */
const PLACES = 8

function metadataOf(place: Place, filename: string): string {
  return join(place.backupDir, 'metadata', `${filename}.json`)
}

test.each(ENCODINGS)(
  'a byte changed anywhere in a %s backup is found, and it is not restored',
  async encoding => {
    const place = await openPlace()
    const database = place.product({ encoding })
    const { identity } = place
    const { backupPath } = succeeded(await database.createBackup())
    const whole = readFileSync(backupPath)
    for (let i = 0; i <= PLACES; i++) {
      flipByte(backupPath, Math.min(whole.length - 1, Math.floor((whole.length * i) / PLACES)))
      const to = place.path('to.db')
      const { message } = failedWith(
        'BACKUP_DAMAGED',
        await database.restoreBackup('latest', { to, identity }),
      )
      expect(message).toContain(backupPath)
      expect(existsSync(to)).toBe(false)
      expect(succeeded(await database.verifyBackup('latest', { identity })).status).toBe('damaged')
      writeFileSync(backupPath, whole)
    }
    expect(succeeded(await database.verifyBackup('latest', { identity })).status).toBe('intact')
    expect(leftoversIn(place.directory)).toEqual([])
  },
)

test.each(ENCODINGS)('a %s backup that was cut off is found, with metadata or without', async encoding => {
  const place = await openPlace()
  const database = place.product({ encoding })
  const { identity } = place
  const { backupPath, filename } = succeeded(await database.createBackup())
  const whole = readFileSync(backupPath)
  for (const isKnown of [true, false]) {
    if (!isKnown) rmSync(metadataOf(place, filename))
    for (let i = 0; i < PLACES; i++) {
      truncateSync(backupPath, Math.floor((whole.length * i) / PLACES))
      const to = place.path('to.db')
      failedWith('BACKUP_DAMAGED', await database.restoreBackup(backupPath, { to, identity }))
      expect(existsSync(to)).toBe(false)
      const verified = succeeded(await database.verifyBackup(backupPath, { identity }))
      expect(verified.problems.map(({ code }) => code)).toContain('NOT_DECODABLE')
      writeFileSync(backupPath, whole)
    }
  }
})

test.each(ENCODINGS)('%s backups whose files were swapped are both damaged', async encoding => {
  const place = await openPlace()
  const database = place.product({ encoding })
  const first = succeeded(await database.createBackup())
  commitOnce(place.databasePath)
  const second = succeeded(await database.createBackup())
  renameSync(first.backupPath, place.path('aside'))
  renameSync(second.backupPath, first.backupPath)
  renameSync(place.path('aside'), second.backupPath)
  for (const { filename } of [first, second]) {
    const to = place.path('to.db')
    const { identity } = place
    failedWith('BACKUP_DAMAGED', await database.restoreBackup(filename, { to, identity }))
  }
})

test('a file that holds more than its image is given up before it fills the disk', async () => {
  const place = await openPlace()
  const database = place.product({ encoding: 'zstd' })
  const { filename } = succeeded(await database.createBackup())
  const path = metadataOf(place, filename)
  const metadata = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  writeFileSync(path, JSON.stringify({ ...metadata, image_size: 4096 }))
  const { problems } = succeeded(await database.verifyBackup('latest'))
  expect(problems[0]?.message).toContain('more than the 4096 bytes')
})

test('what is behind the end of a zstd file is found, as the program finds it', async () => {
  const place = await openPlace()
  const { backupPath } = succeeded(await place.product().createBackup({ encoding: 'zstd' }))
  const copied = place.path('copied.db.zst')
  writeFileSync(copied, Buffer.concat([readFileSync(backupPath), Buffer.from('more of it')]))
  const { problems } = succeeded(await place.product().verifyBackup(copied))
  expect(problems.map(({ code }) => code)).toContain('NOT_DECODABLE')
})

const KEPT = [
  ['zstd', '.db.zst.damaged', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['zstd+age', '.db.zst.age.damaged', Buffer.from('age-encryption.org/v1')],
  // There is somebody to encrypt to, so its packs are encrypted, too.
  ['blocks', '.db.zst.age.damaged', Buffer.from('age-encryption.org/v1')],
] as const

for (const journalMode of ['wal', 'delete'] as const) {
  test.for(KEPT)(
    `a damaged database in ${journalMode} mode makes no %s backup, and is kept encoded where that is asked for`,
    async ([encoding, ending, magic]) => {
      const place = await openPlace({ commits: 200, journalMode })
      const bytes = readFileSync(place.databasePath)
      bytes.fill(0x55, bytes.length - 12_288)
      writeFileSync(place.databasePath, bytes)
      const database = place.product({ encoding })
      failedWith('DATABASE_DAMAGED', await database.createBackup())
      expect(await database.listBackups()).toEqual([])
      const { hint } = failedWith('DATABASE_DAMAGED', await database.createBackup({ keepDamaged: true }))
      const kept = /kept: (.+)$/.exec(hint ?? '')?.[1] ?? ''
      expect(kept.endsWith(ending)).toBe(true)
      expect(readFileSync(kept).subarray(0, magic.length)).toEqual(magic)
      expect(await database.listBackups()).toEqual([])
      expect(leftoversIn(place.directory)).toEqual([])
    },
  )
}

for (const encoding of ENCODINGS) {
  testWith(
    ['root', 'mount'],
    `a full disk ends a ${encoding} backup with a typed error and leaves nothing`,
    async () => {
      const place = await openPlace({ isFilled: false })
      const connection = openDatabase(place.databasePath)
      connection.exec('CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(8000000))')
      connection.close()
      const backupDir = temporaryDirectory()
      run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', backupDir])
      onTestFinished(() => void run('umount', [backupDir]))
      const database = place.product({ encoding }, { backupDir })
      const { message } = failedWith('INSUFFICIENT_SPACE', await database.createBackup())
      expect(message).toContain(backupDir)
      expect(storedFiles(backupDir)).toEqual([])
    },
  )
}

test.each(['encode-image', 'check-image'] as const)(
  'a backup that is cancelled at %s leaves nothing',
  async step => {
    const place = await openPlace()
    for (const encoding of ENCODINGS) {
      const stop = new AbortController()
      // In another process the engine may have gone on by the time that it hears of it.
      const result = await place.product({}, { engine: 'here' }).createBackup({
        encoding,
        signal: stop.signal,
        onProgress: progress => {
          if (progress.step === step) stop.abort()
        },
      })
      failedWith('CANCELLED', result)
      expect(storedFiles(place.backupDir)).toEqual([])
    }
    expectCommit(place.databasePath, COMMITS)
  },
)

test('a restore that fails after its commit is undone from an encrypted pre_restore backup, without a key', async () => {
  const place = await openPlace()
  succeeded(await place.product().createBackup())
  commitOnce(place.databasePath)
  let isKilled = false
  const sqlite = new WatchedSqlite({
    before(name, process) {
      if (name !== 'settleTarget' || isKilled) return
      isKilled = true
      process.killUnanswered()
    },
  })
  const context = contextOf({ path: place.databasePath, backupDir: place.backupDir, sqlite })
  const { storing } = context.settings
  const encryption = { ...storing.encryption, recipients: [place.recipient] }
  const settings = { ...context.settings, storing: { ...storing, encoding: 'zstd+age', encryption } } as const
  const restoring = restoreBackup({ backup: 'latest', confirm: true }, { ...context, settings })
  await expect(restoring).rejects.toMatchObject({ code: 'RESTORE_ROLLED_BACK' })
  expectCommit(place.databasePath, COMMITS + 1)
  const database = place.product()
  expect(await newest(database)).toMatchObject({ type: 'pre_restore', encoding: 'zstd+age' })
  const to = place.path('before.db')
  const { path } = await newest(database)
  succeeded(await database.restoreBackup(path, { to, identity: place.identity }))
  expectCommit(to, COMMITS + 1)
  expect(leftoversIn(place.directory)).toEqual([])
})

function commitOnce(path: string): void {
  const connection = openDatabase(path)
  commitToLedger(connection)
  connection.close()
}
