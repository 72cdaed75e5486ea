/** Retention by target. The backups are made up, as files of a target that is a directory. */
import { mkdirSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { BackupsCleanedUp, CleanupRequest, Config, TargetCleanup } from '../../src/index.ts'
import { cleanupBackups } from '../../src/operations/cleanup-backups.ts'
import { openConfigured } from '../../src/operations/open-configured.ts'
import { BackupError } from '../../src/errors.ts'
import type { Target } from '../../src/storage/target.ts'
import type { Candidate } from '../../src/retention/standing.ts'
import { daily, madeUp, store } from '../retention/made-up.ts'
import { contextOf } from '../support/operation.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { local, namesAt, openPlace, type Place } from './place.ts'

const NOW = '2025-06-27T12:00:00Z'
const KEEP_TWO: Config = {
  targets: { far: local('far', { retention: { types: { daily: { keepLast: 2 } } } }) },
  retention: { types: { daily: { keepLast: 4 } } },
}

function openScene(atTarget: readonly Candidate[], config: Config = KEEP_TWO): Place {
  const place = openPlace(['far'], config, null)
  store(place.path('far'), atTarget)
  return place
}

interface Around {
  readonly config?: Config
  /** What stands in front of the target. */
  readonly wrap?: (target: Target) => Target
}

async function cleanup(
  place: Place,
  request: CleanupRequest = {},
  { config = KEEP_TWO, wrap = target => target }: Around = {},
): Promise<BackupsCleanedUp> {
  const context = contextOf({ path: place.databasePath, config, now: () => new Date(NOW) })
  return cleanupBackups(request, {
    ...context,
    openTarget: async name => wrap(await openConfigured(context.settings, name, {})),
  })
}

function at(cleaned: BackupsCleanedUp): TargetCleanup {
  const [target] = cleaned.targets
  if (target === undefined) throw new Error('no target was cleaned up')
  return target
}

function namesOf(list: readonly { readonly backup: { readonly filename: string } }[]): string[] {
  return list.map(({ backup }) => backup.filename)
}

test('each place keeps what its own rules want', async () => {
  const backups = daily('2025-06-27', 6)
  const place = openScene(backups)
  store(place.backupDir, backups)
  const cleaned = await cleanup(place)
  expect(cleaned.status).toBe('done')
  expect(namesOf(cleaned.kept)).toEqual(backups.slice(0, 4).map(({ filename }) => filename))
  expect(namesOf(at(cleaned).kept)).toEqual(backups.slice(0, 2).map(({ filename }) => filename))
  expect(await namesAt(place, 'far')).toEqual(backups.slice(0, 2).map(({ filename }) => filename))
  expect(readdirSync(place.path('far', 'daily'))).toHaveLength(2)
  expect(readdirSync(place.path('far', 'metadata'))).toHaveLength(2)
})

test('a target without rules of its own keeps what the database wants', async () => {
  const config = { ...KEEP_TWO, targets: { far: local('far') } }
  const place = openScene(daily('2025-06-27', 6), config)
  expect(at(await cleanup(place, {}, { config })).kept).toHaveLength(4)
})

test('a dry run says what would go at a target, and deletes nothing there', async () => {
  const place = openScene(daily('2025-06-27', 6))
  const before = place.files('far')
  expect(at(await cleanup(place, { dryRun: true })).deleted).toHaveLength(4)
  expect(place.files('far')).toEqual(before)
})

test('rules that a call gives are for the backup directory, or for the target that it names', async () => {
  const place = openScene(daily('2025-06-27', 6))
  store(place.backupDir, daily('2025-06-27', 6))
  expect((await cleanup(place, { dailyKeep: 1 })).targets).toEqual([])
  expect(place.files('far')).toHaveLength(12)
  const cleaned = await cleanup(place, { dailyKeep: 1, target: 'far' })
  expect(cleaned).toMatchObject({ status: 'done', kept: [], deleted: [] })
  expect(at(cleaned).kept).toHaveLength(1)
  expect(await namesAt(place)).toHaveLength(1)
})

test('the last good backup at a target stays there, whatever newer ones nobody has checked', async () => {
  const [newest, second, good, ...rest] = daily('2025-06-27', 5)
  const unchecked = [newest, second].map(backup => madeUp(backup?.created ?? '', { isGood: false }))
  const place = openScene([...unchecked, ...(good === undefined ? [] : [good]), ...rest])
  const kept = namesOf(at(await cleanup(place)).kept)
  expect(kept).toContain(good?.filename)
  expect(kept).toContain(newest?.filename)
})

test('a pin here or there keeps the copy there', async () => {
  const backups = daily('2025-06-27', 6)
  const place = openScene(backups)
  const pin = { reason: 'audit', by: 'legal', at: NOW }
  const [oldest, older] = backups.toReversed()
  store(place.backupDir, [madeUp(oldest?.created ?? '', { pinned: pin })])
  store(place.path('far'), [madeUp(older?.created ?? '', { pinned: pin })])
  const { kept } = at(await cleanup(place))
  expect(namesOf(kept)).toEqual(expect.arrayContaining([oldest?.filename, older?.filename]))
  expect(kept).toHaveLength(4)
})

test('where nothing may be deleted a cleanup says so and touches nothing', async () => {
  const config = { ...KEEP_TWO, targets: { far: local('far', { appendOnly: true }) } }
  const place = openScene(daily('2025-06-27', 6), config)
  const before = place.files('far')
  const cleaned = await cleanup(place, {}, { config })
  expect(cleaned.status).toBe('done')
  expect(at(cleaned)).toMatchObject({ status: 'skipped', problem: 'it is append-only', deleted: [] })
  const { filename } = daily('2025-06-27', 6)[3] as Candidate
  failedWith('OBJECT_LOCKED', await place.database().deleteBackup(filename, { target: 'far', confirm: true }))
  expect(place.files('far')).toEqual(before)
})

/** A target that keeps certain objects until a date, as a bucket with object lock does. */
function locking(target: Target, isLocked: (key: string) => boolean): Target {
  const wrapped = Object.create(target) as Target
  return Object.assign(wrapped, {
    name: target.name,
    kind: target.kind,
    put: target.put.bind(target),
    putIfAbsent: target.putIfAbsent.bind(target),
    get: target.get.bind(target),
    head: target.head.bind(target),
    list: target.list.bind(target),
    delete: async (key: string, options: Parameters<Target['delete']>[1]) => {
      if (isLocked(key)) throw new BackupError('OBJECT_LOCKED', `${key} is locked until 2030`)
      await target.delete(key, options)
    },
    [Symbol.asyncDispose]: target[Symbol.asyncDispose].bind(target),
  })
}

test.for([
  ['its metadata', (key: string) => key.endsWith('.json')],
  ['its file', (key: string) => key.startsWith('daily/')],
] as const)(
  'a backup of which the target keeps %s stays whole, which is no failure',
  async ([, isLocked]) => {
    const backups = daily('2025-06-27', 3)
    const place = openScene(backups)
    const cleaned = await cleanup(place, {}, { wrap: target => locking(target, isLocked) })
    expect(cleaned.status).toBe('done')
    expect(at(cleaned)).toMatchObject({ status: 'done', deleted: [], failed: [] })
    expect(at(cleaned).kept.at(-1)).toMatchObject({ keptBy: ['locked'] })
    expect(place.files('far')).toHaveLength(6)
    expect(await namesAt(place, 'far')).toHaveLength(3)
  },
)

test('a target that is away is reported, and the backup directory is cleaned up', async () => {
  const place = openScene([])
  store(place.backupDir, daily('2025-06-27', 6))
  renameSync(place.path('far'), place.path('gone'))
  const cleaned = await cleanup(place)
  expect(cleaned).toMatchObject({
    status: 'incomplete',
    targets: [{ target: 'far', status: 'failed', failure: { code: 'TARGET_UNREACHABLE' } }],
  })
  expect(cleaned.deleted).toHaveLength(2)
})

test('a deletion that was killed halfway at a target is finished by the next cleanup', async () => {
  const backups = daily('2025-06-27', 2)
  const place = openScene(backups)
  const gone = madeUp('2025-06-20T02:00:00Z')
  store(place.path('far'), [gone])
  const metadata = place.path('far', 'metadata', `${gone.filename}.json`)
  renameSync(metadata, `${metadata}.deleting-daily`)
  expect(await namesAt(place, 'far')).toHaveLength(2)
  expect(at(await cleanup(place))).toMatchObject({ status: 'done', finished: [gone.filename] })
  expect(place.files('far')).toHaveLength(4)
})

test('what nobody completes at a target is removed after a day, and what may be under way stays', async () => {
  const place = openScene(daily('2025-06-27', 2))
  const [old, fresh] = ['2025-06-25T02:00:00Z', '2025-06-26T02:00:00Z'].map(created => madeUp(created))
  for (const [backup, marked] of [
    [old, '2025-06-25T03:00:00Z'],
    [fresh, '2025-06-27T11:00:00Z'],
  ] as const) {
    const image = place.path('far', 'daily', backup?.filename ?? '')
    const mark = place.path('far', 'metadata', `${backup?.filename}.json.copying-daily`)
    for (const path of [image, mark]) {
      writeFileSync(path, 'somebody')
      utimesSync(path, new Date(marked), new Date(marked))
    }
  }
  // Without a mark it is somebody's own.
  writeFileSync(place.path('far', 'daily', 'app_backup_daily_20250601_020000.db'), 'copied in')
  await cleanup(place)
  const left = readdirSync(place.path('far', 'daily'))
  expect(left).not.toContain(old?.filename)
  expect(left).toContain(fresh?.filename)
  expect(left).toContain('app_backup_daily_20250601_020000.db')
  expect(readdirSync(place.path('far', 'metadata'))).toHaveLength(3)
})

test('nothing is deleted at a target while its dates and the clock contradict each other', async () => {
  const place = openScene([...daily('2025-06-27', 4), madeUp('2026-01-01T00:00:00Z')])
  const cleaned = await cleanup(place)
  expect(cleaned.status).toBe('incomplete')
  expect(at(cleaned)).toMatchObject({ status: 'refused', deleted: [] })
  expect(at(cleaned).problem).toContain('in the future')
})

test('a cleanup at a target deletes at most so many, and other databases and files there are left alone', async () => {
  const place = openScene(daily('2025-06-27', 6))
  store(place.path('far'), daily('2025-06-27', 6, { database: 'shop' }))
  mkdirSync(place.path('far', 'other'))
  writeFileSync(place.path('far', 'other', 'notes.txt'), 'mine')
  const cleaned = await cleanup(place, { maxDeletions: 3 })
  expect(at(cleaned)).toMatchObject({ left: 1 })
  expect(at(cleaned).deleted).toHaveLength(3)
  expect(place.files('far').filter(name => name.includes('shop_'))).toHaveLength(12)
  expect(place.files('far')).toContain(join('other', 'notes.txt'))
})

test('the last good backup at a target is deleted only by force, a pinned one not at all', async () => {
  const [only] = daily('2025-06-27', 1)
  const place = openScene(only === undefined ? [] : [only])
  const name = only?.filename ?? ''
  const order = { target: 'far', confirm: true }
  failedWith('BACKUP_PROTECTED', await place.database().deleteBackup(name, order))
  const pinned = succeeded(
    await place.database().pinBackup(name, { target: 'far', reason: 'audit', by: 'me' }),
  )
  expect(pinned.backup).toMatchObject({ target: 'far', pinned: { reason: 'audit' } })
  failedWith('BACKUP_PROTECTED', await place.database().deleteBackup(name, { ...order, force: true }))
  succeeded(await place.database().unpinBackup(name, { target: 'far' }))
  succeeded(await place.database().deleteBackup(`far:daily/${name}`, { ...order, force: true }))
  expect(place.files('far')).toEqual([])
})
