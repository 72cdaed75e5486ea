/** The catalog, where backups are of one instant, of another time, of another form, or another's. */
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { BackupCreated } from '../../src/index.ts'
import { createBackup } from '../../src/operations/create-backup.ts'
import { getInfo } from '../../src/operations/get-info.ts'
import { buildLedger } from '../support/databases.ts'
import { contextOf } from '../support/operation.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { storedFiles, temporaryDirectory } from '../support/temporary.ts'
import { WatchedSqlite } from '../support/watched-sqlite.ts'

const HOUR_MS = 3_600_000

function makeLedger(): string {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  return path
}

/** Rewrites keys of a backup's metadata. */
function edit(path: string, { filename }: BackupCreated, keys: Record<string, unknown>): void {
  const file = join(path, '..', 'backups', 'metadata', `${filename}.json`)
  const metadata = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  writeFileSync(file, JSON.stringify({ ...metadata, ...keys }))
}

test('backups of one instant are listed by their number, then by their name', async () => {
  const path = makeLedger()
  // One clock for all of them: in the same second, and with the same created_at.
  const now = (): Date => new Date('2025-06-27T12:30:22.104Z')
  const made: string[] = []
  for (const backupType of ['manual', 'daily', 'manual', 'weekly', 'manual']) {
    const { filename } = await createBackup({ backupType, check: 'none' }, contextOf({ path, now }))
    made.push(filename)
  }
  expect(made.map(name => name.replace(/\d{8}_\d{6}/, ''))).toEqual([
    'ledger_backup_manual_.db',
    'ledger_backup_daily_.db',
    'ledger_backup_manual__2.db',
    'ledger_backup_weekly_.db',
    'ledger_backup_manual__3.db',
  ])
  const listed = (await protect(path).listBackups()).map(({ filename }) => filename)
  const [manual, daily, second, weekly, third] = made
  expect(listed).toEqual([third, second, weekly, manual, daily])
})

test('a database is told to grow by so much a day, once its backups are an hour apart', async () => {
  const path = makeLedger()
  const old = await backUp(path)
  const { metadata } = await backUp(path)
  const growth = async (): Promise<number | null> =>
    succeeded(await protect(path).info()).backups.growthBytesPerDay
  expect(await growth()).toBeNull()
  const before = (ms: number): string => new Date(Date.parse(metadata.created_at ?? '') - ms).toISOString()
  edit(path, old, { created_at: before(48 * HOUR_MS), image_size: metadata.file_size - 20_000 })
  expect(await growth()).toBe(10_000)
  edit(path, old, { created_at: before(HOUR_MS / 2), image_size: metadata.file_size - 20_000 })
  expect(await growth()).toBeNull()
  // Backups that do not say how large their image was do not count.
  edit(path, old, { created_at: before(48 * HOUR_MS), image_size: undefined })
  expect(await growth()).toBeNull()
})

test('the totals by type are in the order of their names, whichever backup is newest', async () => {
  const path = makeLedger()
  for (const backupType of ['daily', 'weekly', 'daily', 'manual']) {
    await backUp(path, { backupType, check: 'none' })
  }
  const { byType, newest } = succeeded(await protect(path).info()).backups
  expect(byType.map(({ type, count }) => [type, count])).toEqual([
    ['daily', 2],
    ['manual', 1],
    ['weekly', 1],
  ])
  expect(byType[1]?.newest).toBe(newest?.created)
})

test('a file whose name says an encoding that it is not in is listed, found damaged, and not restored', async () => {
  const path = makeLedger()
  const { backupPath, filename } = await backUp(path)
  copyFileSync(backupPath, `${backupPath}.zst`)
  const encoded = `${filename}.zst`
  const listed = await protect(path).listBackups()
  expect(listed.find(backup => backup.filename === encoded)).toMatchObject({ encoding: 'zstd' })
  const before = readFileSync(path)
  expect(succeeded(await protect(path).verifyBackup(encoded))).toMatchObject({
    status: 'damaged',
    problems: [{ code: 'NOT_DECODABLE' }],
  })
  const failure = failedWith('BACKUP_DAMAGED', await protect(path).restoreBackup(encoded, { confirm: true }))
  expect(failure.message).toContain(encoded)
  expect(readFileSync(path)).toEqual(before)
})

test('a backup gives up on a directory where another is at work for longer than it may wait', async () => {
  const path = makeLedger()
  await backUp(path)
  const backupDir = join(path, '..', 'backups')
  const before = storedFiles(backupDir)
  const other = new DatabaseSync(join(backupDir, '.chame-backup.lock'))
  other.exec('BEGIN EXCLUSIVE')
  await expect(createBackup({}, contextOf({ path, waitForLockMs: 50 }))).rejects.toMatchObject({
    code: 'CATALOG_LOCKED',
    path: backupDir,
  })
  expect(storedFiles(backupDir)).toEqual(before)
  other.exec('ROLLBACK')
  other.close()
  await createBackup({}, contextOf({ path, waitForLockMs: 50 }))
  expect(storedFiles(backupDir)).toHaveLength(before.length + 2)
})

test('a backup that was cut to one byte is damaged, whatever SQLite makes of such a file', async () => {
  const path = makeLedger()
  const { backupPath, filename } = await backUp(path)
  truncateSync(backupPath, 1)
  const verified = succeeded(await protect(path).verifyBackup(filename))
  expect(verified.status).toBe('damaged')
  expect(verified.problems.map(({ code }) => code)).toContain('NOT_A_DATABASE')
})

test('asking for the state of a database can be cancelled, before and while it is read', async () => {
  const path = makeLedger()
  const before = new AbortController()
  const result = await protect(path, { engine: 'here' }).info({
    signal: before.signal,
    onProgress: () => before.abort(),
  })
  failedWith('CANCELLED', result)
  const { signal, abort } = cancellation()
  const sqlite = new WatchedSqlite({ before: name => name === 'describe' && process.nextTick(abort) })
  await expect(getInfo({}, contextOf({ path, signal, sqlite }))).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(succeeded(await protect(path).info()).databaseProblem).toBeNull()
})

function cancellation(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}

test('where no backup says how large its image was, the next one is expected to be as large as the database', async () => {
  const path = makeLedger()
  const made = await backUp(path)
  const known = succeeded(await protect(path).info()).disk?.nextBackupBytes
  edit(path, made, { image_size: undefined })
  expect(succeeded(await protect(path).info()).disk?.nextBackupBytes).toBe(known)
})
