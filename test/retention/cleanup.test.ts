/** Cleanups, deletions and pins in a backup directory. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CatalogLock } from '../../src/catalog/lock.ts'
import { resolveSettings } from '../../src/config/settings.ts'
import { cleanupBackups } from '../../src/operations/cleanup-backups.ts'
import type { Context } from '../../src/operations/context.ts'
import { deleteBackup } from '../../src/operations/delete-backup.ts'
import type { BackupsCleanedUp, CleanupRequest } from '../../src/operations/reports.ts'
import { Database, type Failure, type Progress, type RunOptions } from '../../src/index.ts'
import type { Candidate } from '../../src/retention/standing.ts'
import { mountLoop } from '../disks/devices.ts'
import { treeOf } from '../restore/scene.ts'
import { contextOf } from '../support/operation.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { daily, madeUp, store } from './made-up.ts'

const NOW = '2025-06-27T12:00:00Z'

interface Scene {
  readonly backupDir: string
  readonly database: Database
  readonly cleanup: (request?: CleanupRequest, context?: Partial<Context>) => Promise<BackupsCleanedUp>
  readonly path: (...parts: string[]) => string
  readonly names: (...parts: string[]) => string[]
}

/** A backup directory with made-up backups; there is no database. */
function openScene(backups: readonly Candidate[] = [], directory: string = temporaryDirectory()): Scene {
  const backupDir = join(directory, 'backups')
  store(backupDir, backups)
  const path = join(directory, 'app.db')
  return {
    backupDir,
    database: new Database({ path, backupDir, engine: 'here' }),
    cleanup: (request = {}, context = {}) =>
      cleanupBackups(request, { ...contextOf({ path, now: () => new Date(NOW) }), ...context }),
    path: (...parts) => join(backupDir, ...parts),
    names: (...parts) => readdirSync(join(backupDir, ...parts)).toSorted(),
  }
}

test('a cleanup deletes what the policy does not keep, with its metadata, and says what it freed', async () => {
  const backups = daily('2025-06-27', 10, { size: 1000 })
  const scene = openScene(backups)
  const cleaned = await scene.cleanup()
  expect(cleaned).toMatchObject({
    success: true,
    dryRun: false,
    status: 'done',
    problem: null,
    freedBytes: 3000,
    left: 0,
    failed: [],
    finished: [],
  })
  expect(cleaned.deleted.map(({ backup }) => backup.filename)).toEqual(
    backups.slice(7).map(each => each.filename),
  )
  expect(cleaned.kept.map(({ why }) => why)).toHaveLength(7)
  const left = backups.slice(0, 7).map(({ filename }) => filename)
  expect(scene.names('daily')).toEqual(left.toSorted())
  expect(scene.names('metadata')).toEqual(left.map(name => `${name}.json`).toSorted())
  const again = await scene.cleanup()
  expect(again).toMatchObject({ deleted: [], freedBytes: 0 })
})

test('a dry run says the same and touches nothing', async () => {
  const scene = openScene(daily('2025-06-27', 10))
  const before = treeOf(scene.backupDir, { withTimes: true })
  const planned = await scene.cleanup({ dryRun: true })
  expect(treeOf(scene.backupDir, { withTimes: true })).toEqual(before)
  const done = await scene.cleanup()
  expect({ ...planned, durationMs: 0 }).toEqual({ ...done, dryRun: true, durationMs: 0 })
})

test('where there are no backups there is nothing to do, and nothing is made', async () => {
  const scene = openScene()
  rmSync(scene.backupDir, { recursive: true })
  expect(await scene.cleanup()).toMatchObject({ deleted: [], kept: [], status: 'done' })
  expect(existsSync(scene.backupDir)).toBe(false)
})

test('rules that are wrong are refused before anything is looked at', async () => {
  const { database } = openScene(daily('2025-06-27', 3))
  for (const request of [
    { policy: {} },
    { policy: { daily: {} } },
    { policy: { daily: { minCount: 3 } } },
    { policy: { daily: { keepWithin: 'soon' } } },
    { policy: { daily: { keepLast: -1 } } },
    { policy: { daily: { maxSize: '10 apples' } } },
    { policy: { daily: { keepForever: 1 } as object } },
    { policy: { '../daily': { keepLast: 1 } } },
    { dailyKeep: 0 },
    { dailyKeep: 1.5 },
    { type: 'manual' },
    { maxDeletions: 0 },
  ]) {
    failedWith('INVALID_ARGUMENT', await database.cleanupOldBackups(request))
  }
  expect(await database.listBackups()).toHaveLength(3)
})

test('files that are not ours stay, whatever they are called', async () => {
  const scene = openScene(daily('2025-06-27', 10))
  const others = {
    'daily/app_backup_daily_20200101_000000.db': 'no metadata',
    'daily/holiday.db': 'a name of its own',
    'daily/app_backup_daily_20200102_000000.db.damaged': 'kept for salvage',
    'daily/app_backup_daily_20200103_000000.db-wal': 'a side file',
    'daily/notes.txt': 'notes',
    'metadata/holiday.json': '{}',
    'metadata/app_backup_daily_20190101_000000.db.json': '{"of a backup that is elsewhere": 1}',
    'app_backup_daily_20200104_000000.db': 'beside',
  }
  for (const [name, content] of Object.entries(others)) writeFileSync(scene.path(name), content)
  // One copied in together with damaged metadata.
  writeFileSync(scene.path('daily/app_backup_daily_20200105_000000.db'), 'x')
  writeFileSync(scene.path('metadata/app_backup_daily_20200105_000000.db.json'), 'no JSON')
  const cleaned = await scene.cleanup({ dailyKeep: 1 })
  expect(cleaned.deleted).toHaveLength(9)
  for (const [name, content] of Object.entries(others))
    expect(readFileSync(scene.path(name), 'utf8')).toBe(content)
  expect(existsSync(scene.path('daily/app_backup_daily_20200105_000000.db'))).toBe(true)
  const reasons = Object.fromEntries(cleaned.kept.map(({ backup, keptBy }) => [backup.filename, keptBy[0]]))
  expect(reasons).toMatchObject({
    'app_backup_daily_20200101_000000.db': 'no-metadata',
    'holiday.db': 'no-metadata',
    'app_backup_daily_20200105_000000.db': 'metadata-invalid',
  })
})

test('backups of other databases in the same directory are not looked at', async () => {
  const shop = daily('2025-06-27', 10, { database: 'shop' })
  const scene = openScene([...daily('2025-06-27', 10), ...shop])
  const cleaned = await scene.cleanup({ dailyKeep: 1 })
  expect(cleaned.deleted).toHaveLength(9)
  for (const { filename } of shop) expect(scene.names('daily')).toContain(filename)
})

test('ten thousand backups dated in the future: nothing is deleted, and the answer says why', async () => {
  const fakes = Array.from({ length: 10_000 }, (_, index) =>
    madeUp(new Date(Date.parse(NOW) + (index + 1) * 3_600_000).toISOString(), { size: 1 }),
  )
  const scene = openScene([...daily('2025-06-27', 20), ...fakes])
  const cleaned = await scene.cleanup({ dailyKeep: 1 })
  expect(cleaned).toMatchObject({ status: 'refused', deleted: [], left: 0 })
  expect(cleaned.problem).toContain('10000 backups are dated in the future')
  expect(scene.names('daily')).toHaveLength(10_020)
})

test('ten thousand backups of the past: a run deletes as many as it may, and keeps what was checked', async () => {
  const ours = daily('2025-06-27', 7)
  const fakes = Array.from({ length: 10_000 }, (_, index) =>
    madeUp(new Date(Date.parse('2025-06-27T02:00:01Z') - index * 60_000).toISOString(), {
      size: 1,
      isGood: false,
    }),
  )
  const scene = openScene([...ours, ...fakes])
  const cleaned = await scene.cleanup()
  expect(cleaned).toMatchObject({ status: 'done', deleted: { length: 100 } })
  // Of the last seven one is ours; of the last of each of seven days one is among them.
  expect(cleaned.left).toBe(10_000 - 100 - 6 - 6)
  for (const { filename } of ours) expect(scene.names('daily')).toContain(filename)
})

test('a cleanup that is cancelled ends between two backups', async () => {
  const scene = openScene(daily('2025-06-27', 10))
  const controller = new AbortController()
  let marked = 0
  const onProgress: Context['onProgress'] = ({ step }) => {
    if (step === 'mark-deleted' && ++marked === 2) controller.abort()
  }
  await expect(
    scene.cleanup({ dailyKeep: 1 }, { signal: controller.signal, onProgress }),
  ).rejects.toMatchObject({
    code: 'CANCELLED',
  })
  expect(scene.names('daily')).toHaveLength(8)
  expect(scene.names('metadata')).toHaveLength(8)
})

/** What a deletion that was killed after its mark leaves. */
function halfDelete(scene: Scene, { filename, type }: Candidate): string {
  const mark = scene.path('metadata', `${filename}.json.deleting-${type}`)
  renameSync(scene.path('metadata', `${filename}.json`), mark)
  return mark
}

test('what a killed deletion left is not listed, and finished by the next cleanup', async () => {
  const backups = daily('2025-06-27', 3)
  const [, half] = backups
  if (half === undefined) throw new Error('unreachable')
  const scene = openScene(backups)
  halfDelete(scene, half)
  const listed = await scene.database.listBackups()
  expect(listed.map(({ filename }) => filename)).not.toContain(half.filename)
  const cleaned = await scene.cleanup()
  expect(cleaned).toMatchObject({ finished: [half.filename], deleted: [] })
  expect(scene.names('daily')).toHaveLength(2)
  expect(scene.names('metadata')).toHaveLength(2)
})

test('a deletion that was killed once the image was gone is finished too', async () => {
  const backups = daily('2025-06-27', 3)
  const [, half] = backups
  if (half === undefined) throw new Error('unreachable')
  const scene = openScene(backups)
  halfDelete(scene, half)
  rmSync(scene.path('daily', half.filename))
  expect(await scene.cleanup()).toMatchObject({ finished: [half.filename], deleted: [] })
  expect(scene.names('metadata')).toHaveLength(2)
})

testWith(
  ['root', 'linux', 'mount', 'mkfs.ext4', 'chattr'],
  'a backup whose image cannot be removed stays whole, is named, and keeps no other from going',
  async () => {
    const backups = daily('2025-06-27', 10)
    const directory = temporaryDirectory()
    mountLoop(directory, 'ext4', 16)
    const scene = openScene(backups, directory)
    const oldest = backups.at(-1)?.filename ?? ''
    run('chattr', ['+i', scene.path('daily', oldest)])
    onTestFinished(() => void run('chattr', ['-i', scene.path('daily', oldest)]))
    const cleaned = await scene.cleanup()
    expect(cleaned).toMatchObject({ status: 'incomplete', failed: [{ backup: { filename: oldest } }] })
    expect(cleaned.deleted).toHaveLength(2)
    expect((await scene.database.listBackups()).map(({ filename }) => filename)).toContain(oldest)
  },
)

test('no new backup takes the name of one that is half deleted', async () => {
  const scene = openScene(daily('2025-06-27', 2))
  const [, half] = daily('2025-06-27', 2)
  if (half === undefined) throw new Error('unreachable')
  const mark = halfDelete(scene, half)
  rmSync(scene.path('daily', half.filename))
  const { freeFilename } = await import('../../src/operations/store-backup.ts')
  const settings = resolveSettings(
    { config: {}, directory: '/', file: null },
    { path: '/app.db', backupDir: scene.backupDir },
    {},
    '/',
  )
  const time = { compact: '20250626_020000', timestamp: '2025-06-26T02:00:00' }
  const context = { ...contextOf({ path: '/app.db' }), settings }
  expect(await freeFilename('daily', time, context)).toBe('app_backup_daily_20250626_020000_2.db')
  rmSync(mark)
  expect(await freeFilename('daily', time, context)).toBe(half.filename)
})

test('an image that was put back since its deletion was begun gets its metadata back instead', async () => {
  const backups = daily('2025-06-27', 3)
  const [, half] = backups
  if (half === undefined) throw new Error('unreachable')
  for (const content of ['x'.repeat(half.size), 'another image']) {
    const scene = openScene(backups)
    const mark = halfDelete(scene, half)
    const image = scene.path('daily', half.filename)
    await untilLater(statSync(mark).ctimeMs, scene.path('tick'))
    writeFileSync(image, content)
    expect(await scene.cleanup()).toMatchObject({ finished: [], deleted: [] })
    expect(readFileSync(image, 'utf8')).toBe(content)
    expect(existsSync(mark)).toBe(false)
    const listed = await scene.database.listBackups()
    expect(listed.find(({ filename }) => filename === half.filename)).toMatchObject({ metadataState: 'ok' })
  }
})

/** Waits until the file system's clock has gone on. */
async function untilLater(thanMs: number, probe: string): Promise<void> {
  for (;;) {
    writeFileSync(probe, '')
    const { ctimeMs } = statSync(probe)
    rmSync(probe)
    if (ctimeMs > thanMs) return
    await new Promise(resolve => setImmediate(resolve))
  }
}

test('a mark whose image has metadata of its own again is dropped', async () => {
  const backups = daily('2025-06-27', 3)
  const [, half] = backups
  if (half === undefined) throw new Error('unreachable')
  const scene = openScene(backups)
  const mark = halfDelete(scene, half)
  copyFileSync(mark, scene.path('metadata', `${half.filename}.json`))
  await untilLater(statSync(mark).ctimeMs, scene.path('tick'))
  chmodSync(scene.path('daily', half.filename), 0o600)
  await scene.cleanup()
  expect(existsSync(mark)).toBe(false)
  expect(await scene.database.listBackups()).toHaveLength(3)
})

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
