/** Deleting and pinning at a target where others do so too, or where it fails in the middle. */
import { renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Config, TargetCleanup } from '../../src/index.ts'
import { imageKey, markKey, metadataKey } from '../../src/catalog/target-keys.ts'
import { BackupError } from '../../src/errors.ts'
import { cleanupBackups } from '../../src/operations/cleanup-backups.ts'
import { deleteBackup } from '../../src/operations/delete-backup.ts'
import { pinBackup } from '../../src/operations/pin-backup.ts'
import { daily, store } from '../retention/made-up.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { contextDuring, type Meanwhile } from './meanwhile.ts'
import { local, namesAt, openPlace, type Place } from './place.ts'

const CONFIG: Config = {
  targets: { far: local('far', { retention: { types: { daily: { keepLast: 1 } } } }) },
}
const BACKUPS = daily('2025-06-27', 3)
const [NEWEST, MIDDLE, OLDEST] = BACKUPS.map(({ filename }) => filename) as [string, string, string]

function openScene(): Place {
  const place = openPlace(['far'], CONFIG, null)
  store(place.path('far'), BACKUPS)
  return place
}

async function cleanup(place: Place, meanwhile: Meanwhile, signal?: AbortSignal): Promise<TargetCleanup> {
  const now = (): Date => new Date('2025-06-27T12:00:00Z')
  const more = { config: CONFIG, now, ...(signal === undefined ? {} : { signal }) }
  const { targets } = await cleanupBackups({}, contextDuring(place, meanwhile, more))
  const [target] = targets
  if (target === undefined) throw new Error('no target was cleaned up')
  return target
}

test('a backup that another machine deletes first is deleted, which is no failure', async () => {
  const place = openScene()
  // Metadata is read once to list it, and once more to delete it.
  let reads = 0
  const cleaned = await cleanup(place, {
    before(call, key) {
      if (call === 'get' && key === metadataKey(OLDEST) && ++reads === 2) rmSync(place.path('far', key))
    },
  })
  expect(cleaned).toMatchObject({ status: 'done', failed: [] })
  expect(await namesAt(place, 'far')).toEqual([NEWEST])
})

test('a backup that cannot be deleted is named and stays whole, and the others go', async () => {
  const place = openScene()
  const cleaned = await cleanup(place, {
    before(call, key) {
      if (call === 'delete' && key === `daily/${MIDDLE}`)
        throw new BackupError('TARGET_REFUSED', 'not this one')
    },
  })
  expect(cleaned).toMatchObject({
    status: 'incomplete',
    failed: [{ backup: { filename: MIDDLE }, message: 'not this one' }],
  })
  expect(cleaned.deleted.map(({ backup }) => backup.filename)).toEqual([OLDEST])
  expect(await namesAt(place, 'far')).toEqual([NEWEST, MIDDLE])
})

test('a cleanup that is cancelled in the middle stops there, and what it has not begun stays', async () => {
  const place = openScene()
  const cancelling = new AbortController()
  const cleaning = cleanup(
    place,
    {
      after(call, key) {
        if (call === 'delete' && key === `daily/${OLDEST}`) cancelling.abort()
      },
    },
    cancelling.signal,
  )
  await expect(cleaning).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(await namesAt(place, 'far')).toEqual([NEWEST, MIDDLE])
})

test('a backup at a target whose metadata cannot be read is kept by every policy, and deleted when it is asked for', async () => {
  const place = openScene()
  writeFileSync(place.path('far', metadataKey(OLDEST)), '{')
  const { kept } = await cleanup(place, {})
  expect(kept.map(({ backup }) => backup.filename).toSorted()).toEqual([OLDEST, NEWEST])
  succeeded(await place.database().deleteBackup(OLDEST, { target: 'far', confirm: true, force: true }))
  expect(place.files('far')).toEqual([`daily/${NEWEST}`, metadataKey(NEWEST)])
})

test('a backup whose file goes although the target says that it did not is not made whole again', async () => {
  const place = openScene()
  const request = { backup: MIDDLE, target: 'far', confirm: true }
  const context = contextDuring(
    place,
    {
      after(call, key) {
        if (call === 'delete' && key === `daily/${MIDDLE}`)
          throw new BackupError('TARGET_UNREACHABLE', 'no answer')
      },
    },
    { config: CONFIG },
  )
  await expect(deleteBackup(request, context)).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' })
  expect(await namesAt(place, 'far')).toEqual([NEWEST, OLDEST])
  expect((await cleanup(place, {})).finished).toEqual([MIDDLE])
})

test('a mark that nobody took away from beside a backup goes after a day, and the backup stays', async () => {
  const place = openScene()
  const mark = place.path('far', markKey({ kind: 'copying', type: 'daily', filename: NEWEST }))
  writeFileSync(mark, 'somebody')
  utimesSync(mark, new Date('2025-06-25'), new Date('2025-06-25'))
  expect(await cleanup(place, {})).toMatchObject({ status: 'done', finished: [] })
  expect(place.files('far')).toEqual([`daily/${NEWEST}`, metadataKey(NEWEST)])
})

/** As who copies has it once the file is there: his mark was set days ago, and the metadata comes next. */
function openHalfCopied({ fileOf }: { fileOf: string }): {
  place: Place
  describe: () => void
  takeMarkAway: () => void
} {
  const place = openScene()
  const image = { type: 'daily', filename: NEWEST }
  const [metadata, mark] = [metadataKey(NEWEST), markKey({ kind: 'copying', ...image })].map(key =>
    place.path('far', key),
  ) as [string, string]
  renameSync(metadata, place.path('metadata.json'))
  writeFileSync(mark, 'somebody')
  utimesSync(mark, new Date('2025-06-25'), new Date('2025-06-25'))
  utimesSync(place.path('far', imageKey(image)), new Date(fileOf), new Date(fileOf))
  return {
    place,
    describe: () => renameSync(place.path('metadata.json'), metadata),
    takeMarkAway: () => rmSync(mark),
  }
}

for (const at of ['completed', 'described'] as const) {
  test(`a copy that took days, and is ${at} once a cleanup has listed what is there, stays`, async () => {
    const { place, describe, takeMarkAway } = openHalfCopied({ fileOf: '2025-06-25' })
    let listings = 0
    const cleaned = await cleanup(place, {
      after(call, key) {
        if (call !== 'list' || !key.startsWith('metadata/') || ++listings > 1) return
        describe()
        if (at === 'completed') takeMarkAway()
      },
    })
    expect(cleaned).toMatchObject({ failed: [], finished: [] })
    expect(place.files('far')).toContain(`daily/${NEWEST}`)
    expect(await namesAt(place, 'far')).toContain(NEWEST)
  })
}

test('a copy that took days, and of which only the metadata is still to come, stays', async () => {
  const { place, describe } = openHalfCopied({ fileOf: '2025-06-27T11:59:00Z' })
  await cleanup(place, {})
  expect(place.files('far')).toContain(`daily/${NEWEST}`)
  describe()
  expect(await namesAt(place, 'far')).toContain(NEWEST)
})

test('a copy whose file arrives while a cleanup looks at its old mark stays', async () => {
  const { place } = openHalfCopied({ fileOf: '2025-06-27T11:59:00Z' })
  const path = place.path('far', 'daily', NEWEST)
  renameSync(path, place.path('arriving'))
  await cleanup(place, {
    after(call, key) {
      if (call === 'head' && key === `daily/${NEWEST}`) renameSync(place.path('arriving'), path)
    },
  })
  expect(place.files('far')).toContain(`daily/${NEWEST}`)
})

test('a backup that is deleted while it is pinned is not said to be pinned', async () => {
  const place = openScene()
  let looks = 0
  const context = contextDuring(
    place,
    {
      before(call, key) {
        if (call === 'head' && key === metadataKey(NEWEST) && ++looks === 2) rmSync(place.path('far', key))
      },
    },
    { config: CONFIG },
  )
  const pinning = pinBackup({ backup: NEWEST, target: 'far', reason: 'audit' }, context)
  await expect(pinning).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' })
})

test('a backup at a target is not found without its file, nor under a target that there is not', async () => {
  const place = openScene()
  rmSync(place.path('far', imageKey({ type: 'daily', filename: NEWEST })))
  failedWith('BACKUP_NOT_FOUND', await place.database().pinBackup(NEWEST, { target: 'far', reason: 'x' }))
  const unknown = await place.database().pinBackup(NEWEST, { target: 'nowhere', reason: 'x' })
  expect(failedWith('INVALID_ARGUMENT', unknown).hint).toContain('far')
  const none = openPlace([], {}, null)
  const nothing = failedWith('INVALID_ARGUMENT', await none.database().syncTargets({ target: 'far' }))
  expect(nothing.hint).toContain('docs/targets.md')
})
