/** Deleting one backup, and pinning those that must stay. */
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CatalogLock } from '../../src/catalog/lock.ts'
import { cleanupBackups } from '../../src/operations/cleanup-backups.ts'
import { deleteBackup } from '../../src/operations/delete-backup.ts'
import { type Failure, type Progress, type RunOptions } from '../../src/index.ts'
import { treeOf } from '../restore/scene.ts'
import { contextOf } from '../support/operation.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { daily, madeUp } from './made-up.ts'
import { NOW, openScene } from './place.ts'

test('one backup is deleted where that is confirmed, and what names none is refused', async () => {
  const backups = daily('2025-06-27', 3)
  const scene = openScene(backups)
  const name = backups[2]?.filename ?? ''
  failedWith('DELETE_NOT_CONFIRMED', await scene.database.deleteBackup(name))
  const elsewhere = join(temporaryDirectory(), 'app_backup_daily_20250101_000000.db')
  writeFileSync(elsewhere, 'x')
  for (const wanted of ['nothing.db', elsewhere, scene.path('metadata', `${name}.json`), scene.backupDir]) {
    failedWith('BACKUP_NOT_FOUND', await scene.database.deleteBackup(wanted, { confirm: true, force: true }))
  }
  expect(existsSync(elsewhere)).toBe(true)
  expect(scene.names('daily')).toHaveLength(3)
  const deleted = succeeded(await scene.database.deleteBackup(name, { confirm: true }))
  expect(deleted).toMatchObject({ backup: { filename: name }, freedBytes: 100 })
  expect(scene.names('daily')).not.toContain(name)
  expect(scene.names('metadata')).not.toContain(`${name}.json`)
})

test('a pinned backup is not deleted, not even by force', async () => {
  const backups = daily('2025-06-27', 3)
  const scene = openScene(backups)
  const name = backups[2]?.filename ?? ''
  succeeded(await scene.database.pinBackup(name, { reason: 'Audit', by: 'legal' }))
  const failure = failedWith(
    'BACKUP_PROTECTED',
    await scene.database.deleteBackup(name, { confirm: true, force: true }),
  )
  expect(failure.message).toContain('Audit')
  expect((await scene.cleanup({ dailyKeep: 1 })).kept.map(({ backup }) => backup.filename)).toContain(name)
  succeeded(await scene.database.unpinBackup(name))
  succeeded(await scene.database.deleteBackup(name, { confirm: true }))
})

test('the last good backup of a database is deleted by force only', async () => {
  const good = daily('2025-06-20', 1)
  const unchecked = daily('2025-06-27', 2, { isGood: false })
  const others = daily('2025-06-27', 2, { database: 'shop' })
  const scene = openScene([...good, ...unchecked, ...others])
  const remove = (name: string | undefined, force = false) =>
    scene.database.deleteBackup(name ?? '', { confirm: true, force })
  expect(failedWith('BACKUP_PROTECTED', await remove(good[0]?.filename)).message).toContain('last good')
  succeeded(await remove(good[0]?.filename, true))
  // Where none is known to be good, the last one is what there is.
  succeeded(await remove(unchecked[1]?.filename))
  failedWith('BACKUP_PROTECTED', await remove(unchecked[0]?.filename))
  succeeded(await remove(unchecked[0]?.filename, true))
})

test('a backup without metadata, and one whose metadata is damaged, can be deleted by name', async () => {
  const scene = openScene(daily('2025-06-27', 3))
  const [copied = '', damaged = ''] = scene.names('daily')
  rmSync(scene.path('metadata', `${copied}.json`))
  writeFileSync(scene.path('metadata', `${damaged}.json`), 'no JSON')
  for (const name of [copied, damaged]) {
    succeeded(await scene.database.deleteBackup(name, { confirm: true }))
    expect(scene.names('daily')).not.toContain(name)
  }
  expect(scene.names('metadata')).toHaveLength(1)
})

test('a copy of a backup in the directory of another type goes without the metadata of its original', async () => {
  const backups = daily('2025-06-27', 2)
  const scene = openScene([...backups, madeUp('2025-06-27T01:00:00Z', { type: 'weekly' })])
  const name = backups[1]?.filename ?? ''
  copyFileSync(scene.path('daily', name), scene.path('weekly', name))
  succeeded(await scene.database.deleteBackup(scene.path('weekly', name), { confirm: true }))
  expect(scene.names('weekly')).not.toContain(name)
  expect(scene.names('metadata')).toContain(`${name}.json`)
})

test('a pin is part of the metadata, of which nothing else changes', async () => {
  const scene = openScene(daily('2025-06-27', 2))
  const [, name = ''] = scene.names('daily')
  const file = scene.path('metadata', `${name}.json`)
  const text = readFileSync(file, 'utf8').replace(
    '{',
    '{"of_a_newer_version":{"count":12345678901234567890,"ratio":1.0,"list":[1e400,-0]},',
  )
  writeFileSync(file, text, { mode: 0o600 })
  const pinned = succeeded(await scene.database.pinBackup(name, { reason: 'Audit "2025"', by: 'legal' }))
  expect(pinned.backup.pinned).toEqual({
    reason: 'Audit "2025"',
    by: 'legal',
    at: expect.any(String) as string,
  })
  const [newest] = await scene.database.listBackups()
  expect(newest?.pinned).toEqual(pinned.backup.pinned)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  for (const raw of ['12345678901234567890', '1.0', '1e400', '-0'])
    expect(readFileSync(file, 'utf8')).toContain(raw)
  // Pinned again, the newer reason counts; not pinned any more, it is as it was.
  succeeded(await scene.database.pinBackup(name, { reason: 'Other' }))
  const unpinned = succeeded(await scene.database.unpinBackup(name))
  expect(unpinned.backup.pinned).toBeNull()
  const compact = (json: string): string => json.replaceAll(/\s/g, '')
  expect(compact(readFileSync(file, 'utf8'))).toBe(compact(text))
  const before = treeOf(scene.path('metadata'), { withTimes: true })
  succeeded(await scene.database.unpinBackup(name))
  expect(treeOf(scene.path('metadata'), { withTimes: true })).toEqual(before)
})

test('a pin needs a reason, and metadata to stand in', async () => {
  const scene = openScene(daily('2025-06-27', 3))
  const [copied = '', damaged = ''] = scene.names('daily')
  rmSync(scene.path('metadata', `${copied}.json`))
  writeFileSync(scene.path('metadata', `${damaged}.json`), 'no JSON')
  failedWith('INVALID_ARGUMENT', await scene.database.pinBackup('latest', { reason: ' ' }))
  failedWith('INVALID_ARGUMENT', await scene.database.pinBackup(copied, { reason: 'r' }))
  failedWith('METADATA_INVALID', await scene.database.pinBackup(damaged, { reason: 'r' }))
  failedWith('BACKUP_NOT_FOUND', await scene.database.pinBackup('nothing.db', { reason: 'r' }))
})

test('who waits for the lock longer than he may is told so, and nothing is deleted', async () => {
  const scene = openScene(daily('2025-06-27', 10))
  const { DatabaseSync } = await import('node:sqlite')
  const other = new DatabaseSync(scene.path('.chame-backup.lock'))
  other.exec('BEGIN EXCLUSIVE')
  const path = join(scene.backupDir, '..', 'app.db')
  const context = contextOf({ path, waitForLockMs: 50, now: () => new Date(NOW) })
  await expect(cleanupBackups({}, context)).rejects.toMatchObject({ code: 'CATALOG_LOCKED' })
  await expect(deleteBackup({ backup: 'latest', confirm: true }, context)).rejects.toMatchObject({
    code: 'CATALOG_LOCKED',
  })
  other.close()
  expect(scene.names('daily')).toHaveLength(10)
})

test('a backup that is deleted while somebody waits for the lock is not there any more, and is not restored', async () => {
  const scene = openScene(daily('2025-06-27', 3))
  const [backup] = daily('2025-06-27', 3)
  if (backup === undefined) throw new Error('unreachable')
  const { filename } = backup
  const to = scene.path('..', 'restored.db')
  const waiting: Promise<Failure>[] = []
  {
    using _lock = await CatalogLock.acquire(scene.backupDir, {
      waitMs: 0,
      signal: new AbortController().signal,
    })
    const started: Promise<void>[] = []
    for (const ask of [
      (options: RunOptions) => scene.database.deleteBackup(filename, { confirm: true, ...options }),
      (options: RunOptions) => scene.database.restoreBackup(filename, { to, ...options }),
    ]) {
      const { promise, resolve } = Promise.withResolvers<void>()
      started.push(promise)
      const onProgress = ({ step }: Progress): void => void (step === 'lock-catalog' && resolve())
      waiting.push(ask({ onProgress }) as Promise<Failure>)
    }
    await Promise.all(started)
    rmSync(scene.path('metadata', `${filename}.json`))
    rmSync(scene.path('daily', filename))
  }
  for (const each of waiting) failedWith('BACKUP_NOT_FOUND', await each)
  expect(existsSync(to)).toBe(false)
})
