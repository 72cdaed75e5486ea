/** How much backups of pages take, and what a size limit makes of that. */
import { copyFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listPacks } from '../../src/blocks/store.ts'
import { generateKeys } from '../../src/index.ts'
import { simulateRetention } from '../../src/operations/simulate-retention.ts'
import { succeeded } from '../support/product.ts'
import { BlocksPlace, namesOf } from './blocks-place.ts'

/** What a cleanup may leave of dead pages: a tenth, and a hundredth of the store. */
const SLACK = 1.1
/** Parts of bytes are counted, as pages of one group have its bytes in common. */
const ROUNDING = 10

async function expectRestores({ place }: BlocksPlace, filename: string): Promise<void> {
  const to = place.path(`restored-${filename}`)
  const restored = succeeded(await place.database().restoreBackup(filename, { to }))
  expect(restored).toMatchObject({ comparison: 'equal' })
}

test('those stay that fit with what they take of packs, and so large is the backup directory then', async () => {
  const scene = new BlocksPlace()
  const names = await scene.backUpTimes(6)
  const all = scene.storedBytes()
  const maxSize = Math.floor(all * 0.85)
  const policy = { daily: { maxSize } }
  const planned = await scene.cleanUp({ policy, dryRun: true })
  expect(scene.storedBytes()).toBe(all)
  const cleaned = await scene.cleanUp({ policy })
  expect(namesOf(planned.kept)).toEqual(namesOf(cleaned.kept))
  const count = cleaned.kept.length
  expect(count).toBeGreaterThanOrEqual(2)
  expect(count).toBeLessThanOrEqual(5)
  expect(namesOf(cleaned.kept)).toEqual(names.slice(0, count))
  expect(cleaned.deleted.map(({ why }) => why)).toEqual(
    Array(6 - count).fill(`it does not fit into ${maxSize}`),
  )
  expect(scene.storedBytes()).toBeLessThanOrEqual(maxSize * SLACK)
  expect(cleaned.freedBytes).toBe(all - scene.storedBytes())
  await expectRestores(scene, names[count - 1] ?? '')
  // Their own files would have fitted six times and more.
  const own = cleaned.kept.reduce((sum, { backup }) => sum + backup.size, 0)
  expect(own * 6).toBeLessThan(maxSize)
})

test('a limit that all of them fit into lets none go, and a second cleanup deletes nothing', async () => {
  const scene = new BlocksPlace()
  await scene.backUpTimes(4)
  const all = await scene.cleanUp({
    policy: { daily: { keepLast: 4, maxSize: scene.storedBytes() + ROUNDING } },
  })
  expect(all.deleted).toEqual([])
  const policy = { daily: { maxSize: Math.floor(scene.storedBytes() * 0.9) } }
  expect((await scene.cleanUp({ policy })).deleted).not.toEqual([])
  expect((await scene.cleanUp({ policy })).deleted).toEqual([])
})

test('a pinned one, the newest and the last that was checked stay, and take their part of the room', async () => {
  const scene = new BlocksPlace()
  const [, , oldest = ''] = await scene.backUpTimes(3)
  const [, good = ''] = await scene.backUpTimes(2)
  const [newest = ''] = await scene.backUpTimes(2, { check: 'none' })
  succeeded(await scene.place.database().pinBackup(oldest, { reason: 'audit' }))
  const { kept } = await scene.cleanUp({ policy: { daily: { maxSize: 1 } }, dryRun: true })
  expect(namesOf(kept)).toHaveLength(3)
  const maxSize = Math.floor(scene.storedBytes() * 0.8)
  const cleaned = await scene.cleanUp({ policy: { daily: { maxSize } } })
  const left = namesOf(cleaned.kept)
  expect(left).toEqual(expect.arrayContaining([newest, oldest]))
  expect(left.length).toBeGreaterThan(3)
  expect(left.length).toBeLessThan(7)
  // Those that were checked stay before those that were not.
  expect(left).toContain(good)
  expect(scene.storedBytes()).toBeLessThanOrEqual(maxSize * SLACK)
  await expectRestores(scene, oldest)
})

test('without a key encrypted ones are counted by what a cleanup without a key cannot give back', async () => {
  const { recipient } = succeeded(await generateKeys())
  const scene = new BlocksPlace({ encryption: { recipients: [recipient] } })
  await scene.backUpTimes(5)
  const maxSize = Math.floor(scene.storedBytes() * 0.9)
  const cleaned = await scene.cleanUp({ policy: { daily: { maxSize } } })
  expect(cleaned.kept.length).toBeGreaterThanOrEqual(2)
  expect(cleaned.deleted.length).toBeGreaterThanOrEqual(1)
  expect(scene.storedBytes()).toBeLessThanOrEqual(maxSize * SLACK)
})

test('each type is counted by itself, with all that it relies on', async () => {
  const scene = new BlocksPlace()
  await scene.backUp({ backupType: 'weekly' })
  const alone = scene.storedBytes()
  await scene.backUpTimes(3)
  // A daily one alone does not fit, although the weekly one has most of its pages.
  const policy = { daily: { maxSize: Math.floor(alone * 0.9) } }
  expect((await scene.cleanUp({ policy, dryRun: true })).deleted).toHaveLength(2)
})

test('another database that has the same pages, in the same packs, changes nothing', async () => {
  const scene = new BlocksPlace()
  const { databasePath, path } = scene.place
  await scene.backUp()
  copyFileSync(databasePath, path('shop.db'))
  await scene.backUpTimes(2)
  const all = scene.storedBytes()
  const shop = scene.place.database({ path: path('shop.db') })
  succeeded(await shop.createBackup({ encoding: 'blocks', backupType: 'daily' }))
  expect(scene.storedBytes() - all).toBeLessThan(all / 100)
  for (const [maxSize, deleted] of [
    [all + ROUNDING, 0],
    [all - 1000, 1],
  ] as const) {
    const cleaned = await scene.cleanUp({ policy: { daily: { maxSize } }, dryRun: true })
    expect(cleaned.deleted).toHaveLength(deleted)
  }
})

test('backups in files of their own and backups of pages share a limit', async () => {
  const scene = new BlocksPlace()
  const [plain = ''] = await scene.backUpTimes(1, { encoding: 'plain' })
  const own = scene.storedBytes()
  const names = await scene.backUpTimes(2)
  const both = { daily: { maxSize: scene.storedBytes() + ROUNDING } }
  expect((await scene.cleanUp({ policy: both, dryRun: true })).deleted).toEqual([])
  const pages = { daily: { maxSize: scene.storedBytes() - own + ROUNDING } }
  const { kept, deleted } = await scene.cleanUp({ policy: pages, dryRun: true })
  expect([namesOf(kept), namesOf(deleted)]).toEqual([names, [plain]])
})

test.for<[string, (scene: BlocksPlace, newest: string) => Promise<void>]>([
  [
    'a backup’s own file cannot be read',
    async ({ place }, newest) => {
      const path = join(place.backupDir, 'daily', newest)
      writeFileSync(path, readFileSync(path).subarray(0, 50))
    },
  ],
  [
    'a pack is lost',
    async ({ place }) => {
      for (const { path } of await listPacks(place)) rmSync(path)
    },
  ],
])('while %s no other goes for its size, and the answer says why', async ([, ruin]) => {
  const scene = new BlocksPlace()
  const [newest = '', , oldest] = await scene.backUpTimes(3)
  await ruin(scene, newest)
  const sized = await scene.cleanUp({ policy: { daily: { maxSize: 1 } } })
  expect(sized.deleted).toEqual([])
  expect(sized.kept.at(-1)?.keptBy).toEqual(['size-unknown'])
  expect(sized.kept.at(-1)?.why).toContain('nobody knows what they take: Backup integrity check failed')
  // What other rules do not keep goes as ever.
  const ruled = await scene.cleanUp({ policy: { daily: { keepLast: 1, maxSize: 1 } }, dryRun: true })
  expect(namesOf(ruled.deleted)).toContain(oldest)
})

test('a cleanup that is cancelled while sizes are counted deletes nothing', async () => {
  const scene = new BlocksPlace()
  await scene.backUpTimes(2)
  const cancelling = new AbortController()
  const before = scene.storedBytes()
  await expect(
    scene.cleanUp(
      { policy: { daily: { maxSize: 1 } } },
      {
        signal: cancelling.signal,
        onProgress: ({ step }) => {
          if (step === 'decide-retention') cancelling.abort()
        },
      },
    ),
  ).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(scene.storedBytes()).toBe(before)
})

test('a simulation counts what backups of pages have in common once', async () => {
  const scene = new BlocksPlace()
  await scene.backUp()
  const first = scene.storedBytes()
  const { metadata } = await scene.backUp()
  const added = metadata.added_bytes ?? Number.NaN
  const maxSize = first + 4 * added
  const simulated = await simulateRetention({ policy: { daily: { maxSize } }, span: '30d' }, scene.context())
  expect(simulated.backupBytes).toBe(added)
  // The older one's rows that have changed since are in no backup that is to come.
  expect(simulated.sharedBytes).toBeGreaterThan((first - added) * 0.9)
  expect(simulated.sharedBytes).toBeLessThan(first)
  const last = simulated.days.at(-1)
  expect(last?.counts['daily']).toBeGreaterThanOrEqual(4)
  expect(last?.counts['daily']).toBeLessThanOrEqual(5)
  expect(last?.sizeBytes).toBe(simulated.sharedBytes + (last?.count ?? 0) * added)
})

test('a simulation of backups that nobody can count, or that are stored otherwise, goes by their own files', async () => {
  const scene = new BlocksPlace()
  const [newest = ''] = await scene.backUpTimes(2)
  const path = join(scene.place.backupDir, 'daily', newest)
  rmSync(join(scene.place.backupDir, 'metadata', `${newest}.json`))
  writeFileSync(path, readFileSync(path).subarray(0, 50))
  const unread = await simulateRetention({ span: '3d', ahead: true }, scene.context())
  expect(unread).toMatchObject({ backupBytes: 50, sharedBytes: 0 })
  rmSync(path)
  const { filename } = await scene.backUp({ encoding: 'plain' })
  const { size } = statSync(join(scene.place.backupDir, 'daily', filename))
  const plain = await simulateRetention({ span: '3d', ahead: true }, scene.context())
  expect(plain).toMatchObject({ backupBytes: size, sharedBytes: 0 })
})
