/** Backups of pages at a target where others write and delete packs, or it fails in the middle. */
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { PACK_BYTES_MAX } from '../../src/blocks/pack-size.ts'
import { markKey, metadataKey, packKey } from '../../src/catalog/target-keys.ts'
import type { Config, PacksCollected, TargetSynced } from '../../src/index.ts'
import { BackupError } from '../../src/errors.ts'
import { collectAtTarget } from '../../src/operations/collect-at-target.ts'
import { PacksAtTarget } from '../../src/operations/packs-at-target.ts'
import { restoreBackup } from '../../src/operations/restore-backup.ts'
import { syncTargets } from '../../src/operations/sync-targets.ts'
import { openTarget } from '../../src/storage/open-target.ts'
import { buildLedger } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { sha256 } from '../storage/contents.ts'
import { before, contextDuring, during, type Meanwhile } from './meanwhile.ts'
import { local, openPlace, type Place, readJson } from './place.ts'

const CONFIG: Config = { encoding: 'blocks', targets: { far: local('far') }, timeZone: 'UTC' }
const SIGNAL = new AbortController().signal

interface Scene {
  readonly place: Place
  /** The file of a backup that is at the target, and its only pack, as keys there. */
  readonly filename: string
  readonly point: string
  readonly pack: string
}

function packsIn(place: Place, where: string): string[] {
  return place.files(where).filter(name => name.endsWith('.pack'))
}

async function openScene(config: Config = CONFIG): Promise<Scene> {
  const place = openPlace(['far', 'farther'], config)
  const { filename } = succeeded(await place.database().createBackup({ encoding: 'blocks' }))
  const [pack = ''] = packsIn(place, 'far')
  return { place, filename, point: `manual/${filename}`, pack }
}

/** Metadata at the target, with some keys as they are not. */
function describe({ place, filename }: Scene, keys: Record<string, unknown>): void {
  const path = place.path('far', metadataKey(filename))
  writeFileSync(path, JSON.stringify({ ...readJson(path), ...keys }))
}

function restored({ place, filename }: Scene, meanwhile: Meanwhile): Promise<unknown> {
  const request = { backup: filename, target: 'far', to: place.path('restored.db') }
  return restoreBackup(request, contextDuring(place, meanwhile, { config: CONFIG }))
}

test.for<[string, (scene: Scene) => void, string]>([
  ['is deleted', ({ place, pack }) => rmSync(place.path('far', pack)), 'far'],
  ['grows', ({ place, pack }) => appendFileSync(place.path('far', pack), 'more'), 'sends more than'],
])('a pack that %s while a backup is fetched is damage at the target', async ([, act, said]) => {
  const scene = await openScene()
  const restoring = restored(
    scene,
    before('get', scene.pack, () => act(scene)),
  )
  await expect(restoring).rejects.toMatchObject({
    code: 'OBJECT_DAMAGED',
    message: expect.stringContaining(said),
  })
})

test('a target that goes away while a backup is fetched is no damage', async () => {
  const scene = await openScene()
  const meanwhile = before('get', scene.pack, () => {
    throw new BackupError('TARGET_UNREACHABLE', 'far is away')
  })
  await expect(restored(scene, meanwhile)).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' })
})

test('a pack that is larger than any pack can be is not fetched', async () => {
  const scene = await openScene()
  truncateSync(scene.place.path('far', scene.pack), 2 * PACK_BYTES_MAX + 1)
  await expect(restored(scene, {})).rejects.toMatchObject({
    code: 'OBJECT_DAMAGED',
    message: expect.stringContaining('No pack has'),
  })
})

test('a file that is what its metadata says, and says nothing of pages, is damaged', async () => {
  const scene = await openScene()
  writeFileSync(scene.place.path('far', scene.point), 'no restore point')
  const checksum = sha256(Buffer.from('no restore point'))
  describe(scene, { file_size: 16, checksum })
  await expect(restored(scene, {})).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
})

test('a backup of pages is restored and converted although nobody noted how large its image is', async () => {
  const scene = await openScene()
  const { place, filename } = scene
  describe(scene, { image_size: undefined })
  await restored(scene, {})
  expect(assertIntact(place.path('restored.db')).commits).toBe(20)
  const here = place.path('backups', metadataKey(filename))
  writeFileSync(here, JSON.stringify({ ...readJson(here), image_size: undefined }))
  const { converted } = succeeded(await place.database().convertBackups({ encoding: 'plain' }))
  expect(converted).toHaveLength(1)
})

test('which of many packs are there is learnt from one listing, in which other files do not matter', async () => {
  const { place } = await openScene()
  const ids = Array.from({ length: 20 }, (_, i) => sha256(Buffer.from([i])))
  for (const id of ids.slice(0, 5)) {
    mkdirSync(dirname(place.path('far', packKey(id))), { recursive: true })
    writeFileSync(place.path('far', packKey(id)), id)
  }
  writeFileSync(place.path('far', 'blocks', 'notes.txt'), 'mine')
  const target = await openTarget(
    'far',
    { kind: 'local', path: place.path('far') },
    { directory: '/', environment: {} },
  )
  const asked: string[] = []
  const packs = new PacksAtTarget(
    during(target, { before: (call, key) => asked.push(`${call} ${key}`) }),
    SIGNAL,
  )
  await packs.look(ids, { isAnew: false })
  await packs.look(ids, { isAnew: false })
  expect(ids.map(id => packs.sizeOf(id))).toEqual(ids.map((_, i) => (i < 5 ? 64 : null)))
  expect(asked).toEqual(['list blocks/'])
})

async function sync(place: Place, meanwhile: Meanwhile): Promise<TargetSynced> {
  const { targets } = await syncTargets({}, contextDuring(place, meanwhile, { config: CONFIG }))
  const [target] = targets
  if (target === undefined) throw new Error('no target was synced')
  return target
}

/** Lets the target forget the backup, so that it is copied again, beside a pack that is as it is. */
function forget({ place, filename, point }: Scene): void {
  rmSync(place.path('far', point))
  rmSync(place.path('far', metadataKey(filename)))
}

test.for<[string, (path: string) => void]>([
  ['is too short to be a pack', path => truncateSync(path, 5)],
  ['says nothing that can be read', path => writeFileSync(path, 'x'.repeat(5000))],
])('a pack at a target that %s is put anew before a backup that needs it', async ([, act]) => {
  const scene = await openScene()
  const { place, filename, pack } = scene
  const whole = readFileSync(place.path('far', pack))
  forget(scene)
  act(place.path('far', pack))
  expect(await sync(place, {})).toMatchObject({ status: 'synced', copied: [filename] })
  expect(readFileSync(place.path('far', pack)).equals(whole)).toBe(true)
})

test('a pack that goes while it is looked into is put again', async () => {
  const scene = await openScene()
  const { place, filename, pack } = scene
  const whole = readFileSync(place.path('far', pack))
  forget(scene)
  writeFileSync(place.path('far', pack), 'x'.repeat(5000))
  const synced = await sync(
    place,
    before('get', pack, () => rmSync(place.path('far', pack))),
  )
  expect(synced).toMatchObject({ status: 'synced', copied: [filename] })
  expect(readFileSync(place.path('far', pack)).equals(whole)).toBe(true)
})

test('a pack that goes while it is fetched to be mended is put again', async () => {
  const scene = await openScene()
  const { place, filename, pack } = scene
  forget(scene)
  writeFileSync(place.path('far', pack), 'x'.repeat(5000))
  const synced = await sync(
    place,
    before('get', pack, () => rmSync(place.path('far', pack)), 2),
  )
  expect(synced).toMatchObject({ status: 'synced', copied: [filename] })
  await restored(scene, {})
})

test('a target that goes away while a pack is looked into has not got the backup', async () => {
  const scene = await openScene()
  const { place, pack } = scene
  forget(scene)
  writeFileSync(place.path('far', pack), 'x'.repeat(5000))
  const synced = await sync(
    place,
    before('get', pack, () => {
      throw new BackupError('TARGET_UNREACHABLE', 'far is away')
    }),
  )
  expect(synced).toMatchObject({ status: 'failed', failure: { code: 'TARGET_UNREACHABLE' } })
})

test('what is damaged here and there is mended from neither', async () => {
  const scene = await openScene()
  const { place, filename, pack } = scene
  for (const where of ['backups', 'far']) {
    const path = place.path(where, pack)
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.with(100, (bytes[100] ?? 0) ^ 1))
  }
  describe(scene, { damaged_at: '2025-06-28T00:00:00Z' })
  const synced = await sync(place, {})
  expect(synced).toMatchObject({ status: 'incomplete', failed: [{ filename, code: 'BACKUP_DAMAGED' }] })
})

test('a backup that is damaged at the target that it is to come from is not copied to the next', async () => {
  const scene = await openScene()
  const { place, filename, pack } = scene
  rmSync(place.backupDir, { recursive: true })
  rmSync(place.path('far', pack))
  const targets = { far: local('far'), farther: local('farther') }
  place.configure({ keepLocal: false, timeZone: 'UTC', targets })
  const synced = succeeded(await place.database().syncTargets())
  expect(synced.targets).toMatchObject([
    { name: 'far', status: 'synced' },
    { name: 'farther', copied: [], failed: [{ filename, code: 'OBJECT_DAMAGED' }] },
  ])
})

/** Collects two days later, when all that is there is old. */
async function collected(
  { place }: Scene,
  meanwhile: Meanwhile,
  signal: AbortSignal = SIGNAL,
): Promise<PacksCollected | null> {
  const now = (): Date => new Date(Date.now() + 2 * 86_400_000)
  const context = contextDuring(place, meanwhile, { config: CONFIG, now, signal })
  await using target = await context.openTarget('far')
  return await collectAtTarget(target, { isShortening: true }, context)
}

/** A scene with one more pack at the target, which no backup needs. */
async function openWithDead(): Promise<Scene & { readonly dead: string }> {
  const scene = await openScene()
  const { place, pack, filename } = scene
  rmSync(place.databasePath)
  buildLedger(place.databasePath, { commits: 40, pageSize: 8192 })
  const newer = succeeded(await place.database().createBackup())
  const [live = ''] = packsIn(place, 'far').filter(name => name !== pack)
  rmSync(place.path('far', `manual/${filename}`))
  rmSync(place.path('far', metadataKey(filename)))
  return { place, filename: newer.filename, point: `manual/${newer.filename}`, pack: live, dead: pack }
}

test('where every pack is needed nothing is deleted, whatever marks are left beside it', async () => {
  const scene = await openScene()
  const { place, filename } = scene
  for (const kind of ['deleting', 'copying'] as const) {
    const mark = place.path('far', markKey({ kind, type: 'manual', filename: `old_${filename}` }))
    writeFileSync(mark, 'somebody')
    utimesSync(mark, new Date('2025-01-01'), new Date('2025-01-01'))
  }
  expect(await collected(scene, {})).toMatchObject({ status: 'done', problem: null, removedPacks: 0 })
  expect(packsIn(place, 'far')).toEqual([scene.pack])
})

test('a pack that nobody needs is deleted, and another is looked at once more before that', async () => {
  const scene = await openWithDead()
  const { place, dead } = scene
  const mark = place.path(
    'far',
    markKey({ kind: 'copying', type: 'manual', filename: `new_${scene.filename}` }),
  )
  const busy = await collected(
    scene,
    before(
      'list',
      '',
      () => {
        writeFileSync(mark, 'somebody')
        utimesSync(mark, new Date(), new Date(Date.now() + 2 * 86_400_000))
      },
      2,
    ),
  )
  expect(busy).toMatchObject({ status: 'busy', removedPacks: 0 })
  rmSync(mark)
  expect(await collected(scene, {})).toMatchObject({ status: 'done', removedPacks: 1 })
  expect(packsIn(place, 'far')).not.toContain(dead)
})

test('a backup that is deleted while it is asked what it needs needs nothing', async () => {
  const scene = await openWithDead()
  const { place, point } = scene
  const gone = await collected(
    scene,
    before('get', point, () => rmSync(place.path('far', point))),
  )
  expect(gone).toMatchObject({ status: 'done', removedPacks: 2 })
})

test.for<[string, string, (path: string) => void]>([
  ['grows while it is read', 'refused', path => appendFileSync(path, 'more')],
  [
    'cannot be read',
    'failed',
    () => {
      throw new BackupError('TARGET_UNREACHABLE', 'far is away')
    },
  ],
])('no pack is deleted while a backup there %s', async ([, status, act]) => {
  const scene = await openWithDead()
  const { place, point } = scene
  const answer = await collected(
    scene,
    before('get', point, () => act(place.path('far', point))),
  )
  expect(answer).toMatchObject({ status, problem: expect.stringContaining('far'), removedPacks: 0 })
  expect(packsIn(place, 'far')).toHaveLength(2)
})

test.for<['OBJECT_LOCKED' | 'TARGET_REFUSED', string]>([
  ['OBJECT_LOCKED', 'done'],
  ['TARGET_REFUSED', 'failed'],
])('a pack that the target does not delete (%s) stays, and the answer says why', async ([code, status]) => {
  const scene = await openWithDead()
  const answer = await collected(
    scene,
    before('delete', scene.dead, () => {
      throw new BackupError(code, 'not now')
    }),
  )
  expect(answer).toMatchObject({ status, problem: 'not now', removedPacks: 0 })
})

test.for(['get', 'delete'])('collecting is cancelled in the middle (%s)', async call => {
  const scene = await openWithDead()
  const cancelling = new AbortController()
  const key = call === 'get' ? scene.point : scene.dead
  const collecting = collected(
    scene,
    before(call, key, () => cancelling.abort()),
    cancelling.signal,
  )
  await expect(collecting).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(packsIn(scene.place, 'far')).toHaveLength(2)
})

test('a backup of pages that is deleted here and there gives back its packs where they lie', async () => {
  const { place, filename } = await openScene()
  const order = { confirm: true, force: true } as const
  const there = succeeded(await place.database().deleteBackup(filename, { ...order, target: 'far' }))
  expect(there.packs).toMatchObject({ status: 'done', removedPacks: 0 })
  const here = succeeded(await place.database().deleteBackup(filename, order))
  expect(here.packs).toMatchObject({ status: 'done', removedPacks: 1 })
  failedWith('BACKUP_NOT_FOUND', await place.database().deleteBackup(filename, order))
})
