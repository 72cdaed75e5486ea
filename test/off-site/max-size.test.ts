/** Size limits at a target, where packs count as a whole. */
import { readdirSync, rmSync, truncateSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Config, TargetCleanup } from '../../src/index.ts'
import { simulateRetention } from '../../src/operations/simulate-retention.ts'
import { syncTargets } from '../../src/operations/sync-targets.ts'
import { BlocksPlace, namesOf } from '../retention/blocks-place.ts'
import { local } from './place.ts'

function limited(maxSize: number | string, more: Config = {}): Config {
  return { targets: { far: local('far', { retention: { types: { daily: { maxSize } } } }) }, ...more }
}

/** As if all packs there had been put two days ago. */
function age({ place }: BlocksPlace): void {
  const then = new Date(Date.now() - 2 * 86_400_000)
  for (const name of place.files('far', 'blocks')) utimesSync(place.path('far', 'blocks', name), then, then)
}

async function cleanUp(scene: BlocksPlace, maxSize: number, dryRun = false): Promise<TargetCleanup> {
  const policy = { daily: { maxSize } }
  const [cleaned] = (await scene.cleanUp({ policy, target: 'far', dryRun })).targets
  if (cleaned === undefined) throw new Error('no target was cleaned up')
  return cleaned
}

function filesOf(scene: BlocksPlace, where: string): string[] {
  return readdirSync(scene.place.path(where, 'daily')).toSorted().toReversed()
}

test('what stays at a target fits with the packs that it relies on, and no byte more is there then', async () => {
  const scene = new BlocksPlace(limited('1GB'), ['far'])
  const names = await scene.backUpTimes(5)
  age(scene)
  const maxSize = scene.storedBytes('far') - 1
  const planned = await cleanUp(scene, maxSize, true)
  const cleaned = await cleanUp(scene, maxSize)
  expect(namesOf(planned.kept)).toEqual(namesOf(cleaned.kept))
  expect(namesOf(cleaned.kept)).toEqual(names.slice(0, 4))
  // The first one's pages that have changed since are in a pack that others rely on.
  const tight = scene.storedBytes('far') - 1
  expect(namesOf((await cleanUp(scene, tight)).deleted)).not.toEqual([])
  expect(scene.storedBytes('far')).toBeLessThanOrEqual(tight)
})

test('a sync does not copy again what does not fit there, and copies what does', async () => {
  const scene = new BlocksPlace(limited('1GB'), ['far'])
  const names = await scene.backUpTimes(3, { copy: false })
  const all = scene.storedBytes()
  const synced = await syncTargets({}, scene.context({ config: limited(all - 1, { encoding: 'blocks' }) }))
  expect(synced.targets).toMatchObject([{ status: 'synced', leftOut: 1 }])
  expect(filesOf(scene, 'far')).toEqual(names.slice(0, 2))
  const roomy = await syncTargets({}, scene.context({ config: limited(all, { encoding: 'blocks' }) }))
  expect(roomy.targets).toMatchObject([{ status: 'synced', leftOut: 0 }])
  expect(filesOf(scene, 'far')).toEqual(names)
})

test('a lost pack takes no room there, and a file that cannot be read keeps all others', async () => {
  const scene = new BlocksPlace(limited('1GB'), ['far'])
  const names = await scene.backUpTimes(3)
  const maxSize = scene.storedBytes('far') - 1
  for (const where of ['far', 'backups'])
    for (const name of scene.place.files(where, 'blocks').filter(file => file.endsWith('.pack')))
      rmSync(scene.place.path(where, 'blocks', name))
  expect((await cleanUp(scene, maxSize)).deleted).toEqual([])
  expect((await cleanUp(scene, 1, true)).deleted).toHaveLength(2)
  truncateSync(join(scene.place.path('far', 'daily'), names[0] ?? ''), 60)
  const cleaned = await cleanUp(scene, 1)
  expect(cleaned.deleted).toEqual([])
  expect(cleaned.kept.map(({ keptBy }) => keptBy.includes('size-unknown'))).toContain(true)
})

test('where nothing is kept here a simulation counts what is at the target', async () => {
  const scene = new BlocksPlace(limited('1GB'), ['far'])
  await scene.backUp()
  const { metadata } = await scene.backUp()
  rmSync(scene.place.backupDir, { recursive: true })
  const config = limited('1GB', { keepLocal: false })
  const { backupBytes, sharedBytes } = await simulateRetention({ span: '3d' }, scene.context({ config }))
  expect(backupBytes).toBe(metadata.added_bytes)
  expect(sharedBytes).toBeGreaterThan(backupBytes)
})
