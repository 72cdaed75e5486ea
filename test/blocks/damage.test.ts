/** What is wrong in a store is found, and the restore points that it hurts are named, and no others. */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { listPacks } from '../../src/blocks/store.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { randomPages, StoreScene, type TestImage } from './stored.ts'

const PAGE = 4096

function imageOf(seed: number, pages = 40): TestImage {
  return { pageSize: PAGE, bytes: randomPages(pages, PAGE, seed) }
}

/** Two databases, with two restore points of the first one. */
async function openStore(): Promise<StoreScene> {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('old', imageOf(1))
  const next = imageOf(1)
  randomPages(1, PAGE, 5000).copy(next.bytes, 7 * PAGE)
  await scene.put('new', next)
  await scene.put('other', imageOf(9000), { database: 'shop' })
  return scene
}

const NAMES = ['old', 'new', 'other']

async function packOf(scene: StoreScene, name: 'first' | 'added' | 'other'): Promise<string> {
  const bySize = (await listPacks(scene.store)).toSorted((a, b) => a.sizeBytes - b.sizeBytes)
  const large = bySize.slice(1).map(({ path }) => path)
  if (name === 'added') return bySize[0]?.path ?? ''
  const otherPoint = await scene.verify(['other'])
  expect(otherPoint.packs).toBe(1)
  for (const path of large) {
    const bytes = readFileSync(path)
    rmSync(path)
    const { damage } = await scene.verify(['other'])
    writeFileSync(path, bytes)
    if (damage.length > 0 === (name === 'other')) return path
  }
  throw new Error('There is no such pack')
}

async function hurtBy(scene: StoreScene): Promise<string[]> {
  const { damage } = await scene.verify(NAMES)
  const hurt = new Set(damage.flatMap(({ hurts }) => hurts))
  return NAMES.filter(name => hurt.has(scene.pathOf(name)))
}

test('a backup that somebody deletes while packs are verified is no damage, and hurt by none', async () => {
  const scene = await openStore()
  rmSync(scene.pathOf('old'))
  expect(await scene.verify(NAMES)).toMatchObject({ damage: [], packs: 3 })
  rmSync(await packOf(scene, 'first'))
  expect(await hurtBy(scene)).toEqual(['new'])
})

test('a lost pack names exactly the restore points that it hurts', async () => {
  const scene = await openStore()
  const expected = { first: ['old', 'new'], added: ['new'], other: ['other'] } as const
  for (const [name, hurt] of Object.entries(expected)) {
    const path = await packOf(scene, name as keyof typeof expected)
    const bytes = readFileSync(path)
    rmSync(path)
    expect(await hurtBy(scene), name).toEqual(hurt)
    const { damage } = await scene.verify(NAMES)
    expect(damage).toMatchObject([{ path, message: expect.stringContaining('missing') }])
    writeFileSync(path, bytes)
  }
  expect(await hurtBy(scene)).toEqual([])
})

test('damage to a page that only one restore point has hurts only that one', async () => {
  const scene = await openStore()
  // The first group holds page 7, which the newer one has elsewhere; but others in it as well.
  const path = await packOf(scene, 'first')
  const bytes = readFileSync(path)
  bytes[100]! ^= 1
  writeFileSync(path, bytes)
  expect(await hurtBy(scene)).toEqual(['old', 'new'])
  const single = new StoreScene(temporaryDirectory())
  const image = imageOf(1, 16)
  await single.put('old', image)
  await single.put('new', { ...image, bytes: image.bytes.subarray(0, 0) })
  const pack = (await listPacks(single.store))[0]?.path ?? ''
  truncateSync(pack, 3000)
  const { damage } = await single.verify(['old', 'new'])
  expect(damage.flatMap(({ hurts }) => hurts)).toEqual([single.pathOf('old')])
})

test('any bit that flips, in any kind of file, is found and named, and is never restored', async () => {
  const scene = await openStore()
  const files = [
    ...(await listPacks(scene.store)).map(({ path }) => path),
    ...NAMES.map(name => scene.pathOf(name)),
  ]
  for (const path of files) {
    const whole = readFileSync(path)
    // Every other byte of the ends, where figures and checksums are; and some in between.
    const step = Math.max(1, Math.floor(whole.length / 40))
    const places = whole
      .keys()
      .filter(at => ((at < 80 || at > whole.length - 80) && at % 2 === 0) || at % step === 0)
    for (const at of places) {
      const bytes = Buffer.from(whole)
      bytes[at]! ^= 1 << (at % 8)
      writeFileSync(path, bytes)
      const { damage } = await scene.verify(NAMES)
      expect(
        damage.map(each => each.path),
        `${path} at ${at}`,
      ).toContain(path)
    }
    writeFileSync(path, whole)
  }
  expect((await scene.verify(NAMES)).damage).toEqual([])
})

test('a restore point whose pack is damaged is not restored, and the error names the pack', async () => {
  const scene = await openStore()
  const path = await packOf(scene, 'first')
  const bytes = readFileSync(path)
  bytes[2000]! ^= 0x40
  writeFileSync(path, bytes)
  await expect(scene.restore('old')).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', path })
  rmSync(path)
  await expect(scene.restore('new')).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', path })
})

test('samples go on where the last one stopped, until everything has been looked at, and then begin anew', async () => {
  const scene = new StoreScene(temporaryDirectory())
  const image = imageOf(1, 16 * 64 * 4)
  await scene.put('a', image)
  const all = await scene.verify(['a'])
  expect(all).toMatchObject({ parts: 4, checkedParts: 4, isRoundComplete: true })
  const rounds: boolean[] = []
  for (let run = 0; run < 5; run++) rounds.push((await scene.verify(['a'], { share: 0.25 })).isRoundComplete)
  expect(rounds).toEqual([false, false, false, true, false])
})

test('samples of a quarter find within four runs what is damaged anywhere', async () => {
  const scene = new StoreScene(temporaryDirectory())
  const image = imageOf(1, 16 * 64 * 4)
  await scene.put('a', image)
  const path = (await listPacks(scene.store))[0]?.path ?? ''
  const bytes = readFileSync(path)
  bytes[Math.floor(bytes.length * 0.7)]! ^= 2
  writeFileSync(path, bytes)
  let found = 0
  for (let run = 0; run < 4; run++) found += (await scene.verify(['a'], { share: 0.25 })).damage.length
  expect(found).toBe(1)
})

test('a check that has no time left stops, and says how far it got', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', imageOf(1, 16 * 64 * 4))
  let now = 0
  const { checkedParts, isRoundComplete } = await scene.verify(['a'], { timeMs: 20 }, () => (now += 10) - 10)
  expect(checkedParts).toBe(1)
  expect(isRoundComplete).toBe(false)
})
