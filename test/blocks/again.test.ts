/** A second backup of pages of what has not changed, and what it takes over from the first. */
import { mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { lockForReading } from '../../src/blocks/readers-lock.ts'
import type { BackupCreated, BackupsCleanedUp, CreateBackupRequest, Progress } from '../../src/index.ts'
import { cleanupBackups } from '../../src/operations/cleanup-backups.ts'
import { createBackup } from '../../src/operations/create-backup.ts'
import { openPlace, type Place, readJson } from '../off-site/place.ts'
import type { JournalMode } from '../support/databases.ts'
import { asNobody } from '../support/as-nobody.ts'
import { contextOf } from '../support/operation.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'

function openScene(journalMode: JournalMode = 'wal'): Place {
  return openPlace([], { encoding: 'blocks' }, { journalMode })
}

/** Makes one as of so many minutes from now: later, every time of a file has settled, and earlier none. */
function backUp(place: Place, minutes: number, request: CreateBackupRequest = {}): Promise<BackupCreated> {
  const now = (): Date => new Date(Date.now() + minutes * 60_000)
  return createBackup({ encoding: 'blocks', ...request }, contextOf({ path: place.databasePath, now }))
}

function metadataPath(place: Place, { filename }: BackupCreated): string {
  return join(place.backupDir, 'metadata', `${filename}.json`)
}

async function expectRestores(place: Place): Promise<void> {
  const to = place.path('restored.db')
  const restored = succeeded(await place.database().restoreBackup('latest', { to }))
  expect(restored).toMatchObject({ comparison: 'equal' })
}

test.each([
  [1, 2],
  [-2, -1],
] as const)(
  'where nobody knows any more how the backup before was checked, the next one is checked (as of %i and %i minutes)',
  async (before, after) => {
    const place = openScene()
    const first = await backUp(place, before)
    rmSync(metadataPath(place, first))
    const second = await backUp(place, after)
    expect(second).toMatchObject({ snapshotWay: 'wal', metadata: { check: 'quick', tables: { state: 1 } } })
    expect(second.metadata.verified_at).toEqual(expect.any(String))
    await expectRestores(place)
  },
)

test('a backup in rollback mode of what was checked before is not checked again', async () => {
  const place = openScene('delete')
  const first = await backUp(place, -1)
  const second = await backUp(place, -1)
  expect(second.snapshotWay).toBe('rollback')
  expect(second.metadata).toMatchObject({ check: 'quick', verified_at: first.metadata.verified_at })
  await expectRestores(place)
})

test('a backup that nobody wants to have checked is not, however often it is made', async () => {
  const place = openScene()
  for (const minutes of [-2, -1, 1, 2]) {
    const { metadata } = await backUp(place, minutes, { check: 'none' })
    expect(metadata).toMatchObject({ check: 'none', verified_at: null })
  }
  await expectRestores(place)
})

test('rows that nobody has counted for the backup before are not made up for the next one', async () => {
  const place = openScene()
  const first = await backUp(place, 1)
  const { tables: _, ...metadata } = readJson(metadataPath(place, first))
  writeFileSync(metadataPath(place, first), JSON.stringify(metadata))
  const second = await backUp(place, 2)
  expect(second.snapshotWay).toBe('unchanged')
  expect(second.metadata.tables).toBeUndefined()
  await expectRestores(place)
})

test('where the metadata of the backup before says less of its image than ours does, the database is looked at again', async () => {
  const place = openScene()
  const first = await backUp(place, 1)
  const { image_size, page_size: _, ...metadata } = readJson(metadataPath(place, first))
  writeFileSync(metadataPath(place, first), JSON.stringify(metadata))
  const second = await backUp(place, 2)
  expect(second.snapshotWay).toBe('wal')
  expect(second.metadata).toMatchObject({ image_size, page_size: 4096 })
  await expectRestores(place)
})

test('an empty database is backed up by its pages, of which there are none', async () => {
  const place = openScene('delete')
  truncateSync(place.databasePath, 0)
  const { metadata } = await backUp(place, 0)
  expect(metadata).toMatchObject({ image_size: 0, encoding: 'blocks' })
  expect(succeeded(await place.database().verifyBackup('latest')).status).toBe('intact')
})

test('what lies beside the types of a backup directory, and is called like one, does not keep packs from being given back', async () => {
  const place = openScene()
  const { filename } = await backUp(place, 0)
  writeFileSync(join(place.backupDir, 'notes'), 'mine')
  const deleted = succeeded(await place.database().deleteBackup(filename, { confirm: true, force: true }))
  expect(deleted.packs).toMatchObject({ status: 'done', removedPacks: 1 })
})

test('a backup that somebody has moved into a directory of his own beside the others keeps its packs', async () => {
  const place = openScene()
  const { backupPath, filename } = await backUp(place, 0)
  const moved = join(place.backupDir, '2025, to be kept', filename)
  mkdirSync(dirname(moved))
  renameSync(backupPath, moved)
  expect(succeeded(await place.database().cleanupOldBackups()).packs).toMatchObject({ removedPacks: 0 })
  const to = place.path('restored.db')
  expect(succeeded(await place.database().restoreBackup(moved, { to }))).toMatchObject({
    comparison: 'equal',
  })
})

/** Cleans up as a user who is not root, and who owns everything but a directory that he may not list. */
function cleanUpAsNobody(place: Place, closed: string): Promise<BackupsCleanedUp['packs']> {
  return asNobody(
    place.path(),
    closed,
    async () => succeeded(await place.database().cleanupOldBackups()).packs,
  )
}

testWith(
  ['root'],
  'while a directory beside the others cannot be listed no pack is removed, as backups may lie there that rely on it',
  async () => {
    const place = openScene()
    const { backupPath, filename } = await backUp(place, 0)
    const closed = join(place.backupDir, 'Archive')
    mkdirSync(closed, { mode: 0o700 })
    renameSync(backupPath, join(closed, filename))
    expect(await cleanUpAsNobody(place, closed)).toMatchObject({
      status: 'failed',
      removedPacks: 0,
      problem: expect.stringContaining(closed),
    })
  },
)

testWith(
  ['root'],
  "a file system's own directory, which root alone may list, does not keep packs from being given back",
  async () => {
    const place = openScene()
    const { backupPath } = await backUp(place, 0)
    const closed = join(place.backupDir, 'lost+found')
    mkdirSync(closed, { mode: 0o700 })
    rmSync(backupPath)
    expect(await cleanUpAsNobody(place, closed)).toMatchObject({ status: 'done', removedPacks: 1 })
  },
)

test('all packs are verified, or as many as there is time for', async () => {
  const place = openScene()
  await backUp(place, 0)
  for (const request of [{ sample: '100%' }, { time: '10m' }])
    expect(succeeded(await place.database().verifyStore(request))).toMatchObject({ status: 'intact' })
})

test('a cleanup that is cancelled while packs are collected is cancelled', async () => {
  const place = openScene()
  await backUp(place, 0)
  // Somebody reads packs, for whom it waits.
  using _reading = await lockForReading(place, { waitMs: 0, signal: new AbortController().signal })
  const cancelling = new AbortController()
  const onProgress = ({ step }: Progress): void => {
    if (step === 'collect-packs') cancelling.abort()
  }
  const context = contextOf({ path: place.databasePath, onProgress, signal: cancelling.signal })
  await expect(cleanupBackups({}, context)).rejects.toMatchObject({ code: 'CANCELLED' })
})

test('packs that cannot be locked keep no backup from being deleted, and the answer says so', async () => {
  const place = openScene()
  const { filename } = await backUp(place, 0)
  const lock = place.path('backups', 'blocks', '.readers.lock')
  rmSync(lock, { force: true })
  mkdirSync(lock)
  const deleted = succeeded(await place.database().deleteBackup(filename, { confirm: true, force: true }))
  expect(deleted.packs).toMatchObject({ status: 'failed', problem: expect.stringContaining(lock) })
  expect(await place.database().listBackups()).toEqual([])
})
