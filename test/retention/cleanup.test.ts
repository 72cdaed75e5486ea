/** Cleanups of a backup directory. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Context } from '../../src/operations/context.ts'
import { treeOf } from '../restore/scene.ts'
import { failedWith } from '../support/product.ts'
import { daily, madeUp } from './made-up.ts'
import { NOW, openScene } from './place.ts'

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
