/** Backups that are kept at targets alone. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createBackup } from '../../src/operations/create-backup.ts'
import { openConfigured } from '../../src/operations/open-configured.ts'
import type { Target } from '../../src/storage/target.ts'
import { assertIntact, contentOf } from '../support/intact.ts'
import { buildLedger } from '../support/databases.ts'
import { contextOf } from '../support/operation.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { local, namesAt, openPlace, type Place } from './place.ts'

const ONLY = { keepLocal: false, targets: { far: local('far'), farther: local('farther') } } as const

function openOnly(ledger = {}): Place {
  return openPlace(['far', 'farther'], ONLY, ledger)
}

test.for(['plain', 'zstd'] as const)(
  'a backup (%s) goes to the targets without a copy here, and is found there without being told where',
  async encoding => {
    const place = openOnly()
    const made = succeeded(await place.database().createBackup({ encoding }))
    expect(made).toMatchObject({
      backupPath: `far:manual/${made.filename}`,
      snapshotWay: 'wal',
      targets: [
        { name: 'far', status: 'copied', bytes: made.metadata.file_size },
        { name: 'farther', status: 'copied', bytes: made.metadata.file_size },
      ],
    })
    expect(made.metadata).toMatchObject({ encoding, check: 'quick', verified_at: expect.any(String) })
    expect(place.files('backups')).toEqual([])
    expect(place.files('far')).toEqual([`manual/${made.filename}`, `metadata/${made.filename}.json`])
    expect(place.files('farther')).toEqual(place.files('far'))
    const stored = readFileSync(place.path('far', 'manual', made.filename))
    expect(createHash('sha256').update(stored).digest('hex')).toBe(made.metadata.checksum)
    expect(await namesAt(place)).toEqual([made.filename])

    const verified = succeeded(await place.database().verifyBackup('latest'))
    expect(verified).toMatchObject({ status: 'intact', backup: { target: 'far' } })
    succeeded(await place.database().restoreBackup('latest', { to: place.path('copy.db') }))
    expect(contentOf(place.path('copy.db'))).toEqual(contentOf(place.databasePath))
    expect(place.files('backups')).toEqual([])
  },
)

test('a database in rollback mode is backed up by way of an image that goes again', async () => {
  const place = openOnly({ journalMode: 'delete' })
  const made = succeeded(await place.database().createBackup())
  expect(made.snapshotWay).toBe('rollback')
  expect(place.files('backups')).toEqual([])
  succeeded(await place.database().restoreBackup('latest', { to: place.path('copy.db') }))
  assertIntact(place.path('copy.db'))
})

test('the first target that takes it gives it to the others, and one that is away gets it with the next sync', async () => {
  const place = openOnly()
  renameSync(place.path('far'), place.path('gone'))
  const made = succeeded(await place.database().createBackup())
  expect(made).toMatchObject({
    backupPath: `farther:manual/${made.filename}`,
    targets: [
      { name: 'far', status: 'failed', code: 'TARGET_UNREACHABLE' },
      { name: 'farther', status: 'copied' },
    ],
  })
  renameSync(place.path('gone'), place.path('far'))
  expect(succeeded(await place.database().syncTargets())).toMatchObject({
    status: 'synced',
    targets: [
      { name: 'far', copied: [made.filename] },
      { name: 'farther', copied: [] },
    ],
  })
  expect(place.files('far')).toEqual(place.files('farther'))
})

test('where no target takes it there is no backup, and the failure says why', async () => {
  const place = openOnly()
  rmSync(place.path('far'), { recursive: true })
  rmSync(place.path('farther'), { recursive: true })
  failedWith('TARGET_UNREACHABLE', await place.database().createBackup())
  expect(place.files('backups')).toEqual([])
})

test('a damaged database is found out, and nothing of it stays at the target', async () => {
  const place = openOnly({ commits: 60 })
  const bytes = readFileSync(place.databasePath)
  bytes.fill(0xee, 4096 * 3, 4096 * 4)
  writeFileSync(place.databasePath, bytes)
  failedWith('DATABASE_DAMAGED', await place.database().createBackup())
  expect(place.files('far')).toEqual([])
})

test('what arrives changed at a target is found out, and is no backup', async () => {
  const place = openOnly()
  const config = { ...ONLY, targets: { far: local('far') } }
  const context = contextOf({ path: place.databasePath, config })
  const openTarget = async (name: string): Promise<Target> => {
    const target = await openConfigured(context.settings, name, {})
    const put: Target['put'] = async (key, content, options) => {
      await target.put(key, content, options)
      const path = place.path('far', key)
      const bytes = readFileSync(path)
      bytes[5000] = (bytes[5000] ?? 0) ^ 1
      writeFileSync(path, bytes)
    }
    return { ...target, put }
  }
  await expect(createBackup({}, { ...context, openTarget })).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
  expect(place.files('far')).toEqual([])
})

test('a restore keeps what it overwrites here, where it is listed and can be restored again', async () => {
  const place = openOnly()
  succeeded(await place.database().createBackup())
  rmSync(place.databasePath)
  buildLedger(place.databasePath, { commits: 33 })
  const restored = succeeded(await place.database().restoreBackup('latest', { confirm: true }))
  const kept = restored.success && !restored.dryRun ? restored.preRestoreBackup : null
  expect(kept).toMatchObject({ target: null, type: 'pre_restore' })
  expect(assertIntact(place.databasePath).commits).toBe(20)
  const listed = await place.database().listBackups()
  expect(listed.map(({ type }) => type)).toEqual(['pre_restore', 'manual'])
  succeeded(await place.database().restoreBackup(kept?.filename ?? '', { to: place.path('before.db') }))
  expect(assertIntact(place.path('before.db')).commits).toBe(33)
})

test('two backups of one second get two names', async () => {
  const place = openOnly()
  const now = (): Date => new Date('2025-06-27T12:00:00Z')
  const config = { ...ONLY, timeZone: 'UTC' }
  const names = []
  for (let count = 0; count < 2; count++) {
    names.push((await createBackup({}, contextOf({ path: place.databasePath, config, now }))).filename)
  }
  expect(names).toEqual(['app_backup_manual_20250627_120000.db', 'app_backup_manual_20250627_120000_2.db'])
})

test('a backup is deleted, pinned and cleaned up at the first target without being told where', async () => {
  const place = openOnly()
  const first = succeeded(await place.database().createBackup({ backupType: 'daily' }))
  const second = succeeded(await place.database().createBackup({ backupType: 'daily' }))
  succeeded(await place.database().pinBackup(first.filename, { reason: 'audit' }))
  failedWith('BACKUP_PROTECTED', await place.database().deleteBackup(first.filename, { confirm: true }))
  const cleaned = succeeded(await place.database().cleanupOldBackups({ dailyKeep: 1 }))
  expect(cleaned.targets).toMatchObject([
    { target: 'far', kept: [{}, { keptBy: ['pinned'] }] },
    { target: 'farther', deleted: [{ backup: { filename: first.filename } }] },
  ])
  expect(await namesAt(place)).toEqual([second.filename, first.filename])
})

test('a configuration that keeps backups nowhere is refused', async () => {
  const place = openPlace([], { keepLocal: false })
  failedWith('CONFIG_INVALID', await place.database().createBackup())
  mkdirSync(place.path('backups'))
  expect(readdirSync(place.path('backups'))).toEqual([])
})

test('metrics and a simulation go by what the first target has', async () => {
  const place = openOnly()
  const made = succeeded(await place.database().createBackup({ backupType: 'daily' }))
  const { text, unreadable } = succeeded(await place.database().metrics())
  expect(unreadable).toEqual([])
  expect(text).toMatch(/newest_good_timestamp_seconds\{database="app"\} \d{10}/)
  expect(succeeded(await place.database().simulateRetention()).backupBytes).toBe(made.metadata.file_size)
  renameSync(place.path('far'), place.path('gone'))
  expect(succeeded(await place.database().metrics()).unreadable).toMatchObject([
    { code: 'TARGET_UNREACHABLE' },
  ])
})
