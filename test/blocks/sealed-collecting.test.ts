/** What a clean-up makes of packs that are encrypted: without a key, and with one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Slots } from '../../src/blocks/live-pages.ts'
import { mergePacks } from '../../src/blocks/merge-packs.ts'
import { PackFile } from '../../src/blocks/pack-file.ts'
import { groupCount } from '../../src/blocks/pack-index.ts'
import { parsePackState, stateBytes } from '../../src/blocks/pack-state.ts'
import { rewritePack } from '../../src/blocks/rewrite-pack.ts'
import { listPacks } from '../../src/blocks/store.ts'
import { findLost, hasAll } from '../../src/blocks/whole-pages.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { type Key, newKey } from './key.ts'
import { changed, imageOf, onlyPack, packsOf, restoreWith, sealedScene } from './sealed-scene.ts'
import type { StoreScene } from './stored.ts'

/** Six backups, of which in each every seventh page is another; all but the last are deleted. */
async function churned(key: Key): Promise<{ scene: StoreScene; bytes: Buffer; dead: number }> {
  const scene = sealedScene([key.recipient])
  let image = imageOf(1600)
  await scene.put('p0', image)
  for (let number = 1; number <= 6; number++) {
    const scattered = Array.from({ length: 100 }, (_, i) => number + i * 7)
    const together = Array.from({ length: 100 }, (_, i) => 800 + number * 100 + i)
    image = changed(image, [...scattered, ...together], number * 10_000)
    await scene.put(`p${number}`, image)
  }
  const before = await scene.packBytes()
  const alone = sealedScene([key.recipient])
  await alone.put('p6', image)
  for (let number = 0; number < 6; number++) scene.delete(`p${number}`)
  return { scene, bytes: image.bytes, dead: before - (await alone.packBytes()) }
}

test('without a key a clean-up gives back packs and groups that are dead, with one nine tenths of what is', async () => {
  const key = await newKey()
  const { scene, bytes, dead } = await churned(key)
  const without = await scene.collect(['p6'])
  expect(without.status).toBe('done')
  expect(without.rewrittenPacks).toBeGreaterThan(0)
  const shareWithout = without.freedBytes / dead
  // What stays are dead pages of the first backup between live ones.
  expect(shareWithout).toBeGreaterThan(0.4)
  expect(shareWithout).toBeLessThan(0.9)
  expect((await restoreWith(scene, key, 'p6')).equals(bytes)).toBe(true)
  expect((await scene.verify(['p6'])).damage).toEqual([])
  scene.keys.open = key.open
  const rest = await scene.collect(['p6'])
  expect((without.freedBytes + rest.freedBytes) / dead).toBeGreaterThanOrEqual(0.9)
  expect((await scene.restore('p6')).equals(bytes)).toBe(true)
  expect(await scene.verify(['p6'])).toMatchObject({ damage: [], lockedPacks: 0 })
})

test('without a key a clean-up gives back every page that is dead of a later backup than the first', async () => {
  const key = await newKey()
  const scene = sealedScene([key.recipient])
  const first = imageOf(600)
  await scene.put('a', first)
  const known = new Set((await listPacks(scene.store)).map(({ id }) => id))
  const scattered = Array.from({ length: 200 }, (_, i) => i * 3)
  const second = changed(first, scattered, 10_000)
  await scene.put('b', second)
  const added = async (): Promise<number> =>
    (await listPacks(scene.store)).find(({ id }) => !known.has(id))?.sizeBytes ?? 0
  const before = await added()
  const third = changed(
    second,
    scattered.filter((_, i) => i % 2 === 0),
    20_000,
  )
  await scene.put('c', third)
  known.add([...packsOf(scene, 'c')].find(id => !known.has(id) && !packsOf(scene, 'b').has(id)) ?? '')
  scene.delete('a')
  scene.delete('b')
  expect((await scene.collect(['c'])).status).toBe('done')
  // The names stay.
  expect(await added()).toBeLessThan(before * 0.55)
  expect((await restoreWith(scene, key, 'c')).equals(third.bytes)).toBe(true)
  expect((await scene.verify(['c'])).damage).toEqual([])
})

test('a group that is sealed again has another nonce', async () => {
  const key = await newKey()
  const scene = sealedScene([key.recipient])
  await scene.put('a', imageOf(64))
  const { path, id } = await onlyPack(scene)
  using pack = PackFile.open(path, id)
  await pack.unlock(key.open)
  const odd = new Slots()
  for (let slot = 1; slot < 64; slot += 2) odd.addAll(slot, 1)
  const target = join(temporaryDirectory(), 'rewritten')
  await rewritePack(pack, odd, target)
  using rewritten = PackFile.open(target, id)
  const nonces = [pack, rewritten].flatMap(each =>
    Array.from({ length: groupCount(each.index) }, (_, group) => each.readRaw(group).toString('hex', 0, 12)),
  )
  expect(nonces).toHaveLength(8)
  expect(new Set(nonces).size).toBe(8)
})

test('two files of a locked pack are merged group by group, and never so that a page would be lost', async () => {
  const key = await newKey()
  const scene = sealedScene([key.recipient])
  await scene.put('a', imageOf(96))
  const { path, id } = await onlyPack(scene)
  const to = (name: string): string => join(scene.store.backupDir, name)
  const slotsWhere = (isIn: (slot: number) => boolean): Slots => {
    const slots = new Slots()
    for (let slot = 0; slot < 96; slot++) if (isIn(slot)) slots.addAll(slot, 1)
    return slots
  }
  const [low, high] = [slotsWhere(slot => slot < 48), slotsWhere(slot => slot >= 32)]
  {
    using whole = PackFile.open(path, id)
    await rewritePack(whole, low, to('low'))
    await rewritePack(whole, high, to('high'))
    await whole.unlock(key.open)
    await rewritePack(
      whole,
      slotsWhere(slot => slot % 2 === 0),
      to('even'),
    )
    await rewritePack(
      whole,
      slotsWhere(slot => slot % 2 === 1),
      to('odd'),
    )
  }
  using lowFile = PackFile.open(to('low'), id)
  using highFile = PackFile.open(to('high'), id)
  expect(await findLost(lowFile, low)).toBeNull()
  expect(await findLost(lowFile, high)).toBe(48)
  await mergePacks(lowFile, highFile, to('merged'))
  using merged = PackFile.open(to('merged'), id)
  expect(
    await findLost(
      merged,
      slotsWhere(() => true),
    ),
  ).toBeNull()
  await merged.unlock(key.open)
  expect(
    await findLost(
      merged,
      slotsWhere(() => true),
    ),
  ).toBeNull()
  using even = PackFile.open(to('even'), id)
  using odd = PackFile.open(to('odd'), id)
  await expect(mergePacks(even, odd, to('neither'))).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
  // What is at a target says of itself, in its last bytes, what it has.
  const bytes = readFileSync(to('high'))
  const state = bytes.subarray(bytes.length - stateBytes(lowFile.index))
  const parsed = parsePackState(Buffer.from(state), lowFile.index, bytes.length, 'high')
  expect(hasAll(parsed, high)).toBe(true)
  expect(hasAll(parsed, low)).toBe(false)
})
