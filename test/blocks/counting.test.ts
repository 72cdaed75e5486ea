/** What restore points take of packs, held against a count of single pages, and against what a clean-up leaves. */
import { readFileSync, rmSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PageCount } from '../../src/blocks/count-pages.ts'
import { pagesOf, type Slots } from '../../src/blocks/live-pages.ts'
import { PackFile } from '../../src/blocks/pack-file.ts'
import { groupLength, presentBetween } from '../../src/blocks/pack-index.ts'
import { parseRestorePoint } from '../../src/blocks/restore-point.ts'
import { listPacks, packPath } from '../../src/blocks/store.ts'
import { generateKeys } from '../../src/index.ts'
import { succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { sealedScene } from './sealed-scene.ts'
import { fillPage, randomPages, StoreScene, type TestImage } from './stored.ts'

const PAGE = 4096
const PAGES = 200
const NAMES = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5']

/** Some pages are in one image alone, some in a few, most in all; some come back, and some are twice in an image. */
function imageOf(number: number): TestImage {
  const bytes = randomPages(PAGES, PAGE, 1)
  const page = (at: number): Buffer => bytes.subarray(at * PAGE, (at + 1) * PAGE)
  for (let at = number; at < PAGES; at += 20) fillPage(page(at), 1000 * number + at)
  for (let at = 100; at < 110 + number; at++) fillPage(page(at), 5000 + at)
  if (number % 2 === 0) page(7).set(page(150))
  return { pageSize: PAGE, bytes }
}

async function filled(scene: StoreScene): Promise<StoreScene> {
  for (const [number, name] of NAMES.entries()) await scene.put(name, imageOf(number))
  return scene
}

function pagesIn(scene: StoreScene, name: string): ReadonlyMap<string, Slots> {
  const path = scene.pathOf(name)
  return pagesOf(parseRestorePoint(readFileSync(path), path))
}

/** What some restore points take together: each page, or each group of an encrypted pack, looked at by itself. */
function takenBy(scene: StoreScene, names: readonly string[]): number {
  const all = names.map(name => pagesIn(scene, name))
  let bytes = 0
  for (const id of new Set(all.flatMap(pages => [...pages.keys()]))) {
    using pack = PackFile.open(packPath(scene.store, id), id)
    const { index, sizeBytes } = pack
    const isLive = (slot: number): boolean => all.some(pages => pages.get(id)?.has(slot) === true)
    bytes += sizeBytes
    for (let from = 0, group = 0; from < index.pageCount; from += index.groupPages, group++) {
      const slots = Array.from({ length: index.groupPages }, (_, i) => from + i)
      const live = slots.filter(isLive).length
      const length = groupLength(index, group)
      const share = live / presentBetween(index, from, from + index.groupPages)
      bytes -= index.sealed === null ? length * (1 - share) : live === 0 ? length : 0
    }
  }
  return bytes
}

async function openScene(kind: string): Promise<StoreScene> {
  if (kind === 'plain') return await filled(new StoreScene(temporaryDirectory()))
  return await filled(sealedScene([succeeded(await generateKeys()).recipient]))
}

test.each(['plain', 'encrypted'])(
  'in %s packs each counts what none before it relies on, whatever the order',
  async kind => {
    const scene = await openScene(kind)
    // One that remembers all packs, and one that forgets each when it meets the next.
    const counts = [new PageCount(scene.store), new PageCount(scene.store, 1)]
    fc.assert(
      fc.property(fc.shuffledSubarray(NAMES), fc.integer({ min: 1, max: 3 }), (order, every) => {
        const taken: string[] = []
        for (const count of counts) count.begin()
        for (const [index, name] of order.entries()) {
          const before = takenBy(scene, taken)
          const beside = takenBy(scene, [...taken, name]) - before
          for (const count of counts) expect(count.beside(pagesIn(scene, name))).toBeCloseTo(beside, 3)
          // Some are only asked for.
          if (index % every !== 0) continue
          for (const count of counts) count.add(pagesIn(scene, name))
          taken.push(name)
        }
      }),
      { numRuns: 25 },
    )
  },
)

test.each(['plain', 'encrypted'])(
  'what those count that stay is what %s packs take after a clean-up, but for what it may leave',
  async kind => {
    const scene = await openScene(kind)
    const count = new PageCount(scene.store)
    const whole = await scene.packBytes()
    let counted = 0
    for (const name of NAMES.toReversed()) {
      counted += count.beside(pagesIn(scene, name))
      count.add(pagesIn(scene, name))
    }
    expect(counted).toBeCloseTo(whole, 3)
    count.begin()
    const [newest = '', older = ''] = NAMES.toReversed()
    const staying = count.beside(pagesIn(scene, newest))
    count.add(pagesIn(scene, newest))
    const both = staying + count.beside(pagesIn(scene, older))
    for (const name of NAMES) if (name !== newest && name !== older) scene.delete(name)
    expect(await scene.collect([newest, older])).toMatchObject({ status: 'done' })
    const left = await scene.packBytes()
    expect(left).toBeGreaterThanOrEqual(both * 0.98)
    expect(left - both).toBeLessThanOrEqual((whole - both) * 0.1 + whole * 0.01)
  },
)

test('a pack that is lost is damage, not nothing', async () => {
  const scene = await openScene('plain')
  for (const { path } of await listPacks(scene.store)) rmSync(path)
  const pages = pagesIn(scene, 'p3')
  expect(() => new PageCount(scene.store).beside(pages)).toThrow('a pack is missing')
})
