/** Two files of one pack, each without some of its pages. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Slots } from '../../src/blocks/live-pages.ts'
import { mergePacks } from '../../src/blocks/merge-packs.ts'
import { PackFile } from '../../src/blocks/pack-file.ts'
import { parsePackState, stateBytes } from '../../src/blocks/pack-state.ts'
import { rewritePack } from '../../src/blocks/rewrite-pack.ts'
import { listPacks } from '../../src/blocks/store.ts'
import { findLost, hasAll } from '../../src/blocks/whole-pages.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { randomPages, StoreScene } from './stored.ts'

const PAGES = 200

function slotsWhere(isIn: (slot: number) => boolean): Slots {
  const slots = new Slots()
  for (let slot = 0; slot < PAGES; slot++) if (isIn(slot)) slots.addAll(slot, 1)
  return slots
}

const ALL = slotsWhere(() => true)
const LOW = slotsWhere(slot => slot < 120)
const EVEN = slotsWhere(slot => slot % 2 === 0)
const EITHER = slotsWhere(slot => slot < 120 || slot % 2 === 0)

interface Shortened {
  readonly id: string
  readonly path: (name: string) => string
}

/** A pack, `low` with its first pages only, and `even` with every other page. */
async function shortened(): Promise<Shortened> {
  const directory = temporaryDirectory()
  const scene = new StoreScene(directory)
  await scene.put('one', { pageSize: 1024, bytes: randomPages(PAGES, 1024, 5) })
  const [listed] = await listPacks(scene.store)
  if (listed === undefined) throw new Error('There is no pack')
  const path = (name: string): string => join(directory, name)
  using pack = PackFile.open(listed.path, listed.id)
  await rewritePack(pack, LOW, path('low'))
  await rewritePack(pack, EVEN, path('even'))
  return { id: listed.id, path }
}

test('a pack that is merged of two has every page of either, in its place', async () => {
  const { id, path } = await shortened()
  using low = PackFile.open(path('low'), id)
  using even = PackFile.open(path('even'), id)
  const written = await mergePacks(low, even, path('merged'))
  expect(written).toMatchObject({ id, sizeBytes: readFileSync(path('merged')).length })
  using merged = PackFile.open(path('merged'), id)
  expect(await findLost(merged, EITHER)).toBeNull()
  expect(await findLost(merged, ALL)).toBe(121)
})

test('a page that is damaged in one file of a pack is taken from the other', async () => {
  const { id, path } = await shortened()
  const bytes = readFileSync(path('low'))
  writeFileSync(path('damaged'), bytes.with(20, (bytes[20] ?? 0) ^ 1))
  using low = PackFile.open(path('damaged'), id)
  expect(await findLost(low, LOW)).toBe(0)
  using even = PackFile.open(path('even'), id)
  await mergePacks(low, even, path('merged'))
  using merged = PackFile.open(path('merged'), id)
  expect(await findLost(merged, EVEN)).toBeNull()
  expect(await findLost(merged, LOW)).toBe(1)
})

test("a pack's end says to who knows its pages' names which of them it has, and every other byte there is found", async () => {
  const { id, path } = await shortened()
  using low = PackFile.open(path('low'), id)
  const even = readFileSync(path('even'))
  const state = Buffer.from(even.subarray(even.length - stateBytes(low.index)))
  const parsed = parsePackState(state, low.index, even.length, 'even')
  expect(hasAll(parsed, EVEN)).toBe(true)
  expect(hasAll(parsed, LOW)).toBe(false)
  for (let at = 0; at < state.length; at += 7) {
    const wrong = Buffer.from(state)
    wrong[at] = (wrong[at] ?? 0) ^ 1
    expect(() => parsePackState(wrong, low.index, even.length, 'even'), `byte ${at}`).toThrow()
  }
})
