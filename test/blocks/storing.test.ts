/** What a restore point costs, and what it is made from. */
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cacheDirectory } from '../../src/blocks/fingerprints.ts'
import { UNSEALED } from '../../src/blocks/open-sealing.ts'
import { listPacks } from '../../src/blocks/store.ts'
import { findUnchanged } from '../../src/blocks/unchanged.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { fillPage, randomPages, StoreScene, type TestImage } from './stored.ts'

const PAGE = 4096
/** Half of it is random, so a page takes about 2 KiB. */
const PAGE_COST_MAX = 2300

function changed({ pageSize, bytes }: TestImage, pages: readonly number[], seed = 900_000): TestImage {
  const next = Buffer.from(bytes)
  for (const page of pages) fillPage(next.subarray(page * pageSize, (page + 1) * pageSize), seed + page)
  return { pageSize, bytes: next }
}

const image: TestImage = { pageSize: PAGE, bytes: randomPages(3000, PAGE, 1) }

test('an image that has not changed adds a restore point of some hundred bytes and no pack', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', image)
  const again = await scene.put('b', image)
  expect(again).toMatchObject({ newPages: 0 })
  expect(again.addedBytes).toBeLessThan(500)
  expect(again.checksum).toBe((await scene.put('c', image)).checksum)
})

test('changed pages are stored once, and cost little beside themselves', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', image)
  const pages = Array.from({ length: 30 }, (_, i) => i * 97)
  const next = changed(image, pages)
  const { newPages, addedBytes } = await scene.put('b', next)
  expect(newPages).toBe(30)
  expect(addedBytes).toBeLessThan(30 * PAGE_COST_MAX + 2000)
  expect(await scene.put('c', next)).toMatchObject({ newPages: 0 })
  expect((await scene.restore('b')).equals(next.bytes)).toBe(true)
  expect((await scene.restore('a')).equals(image.bytes)).toBe(true)
})

test('pages of one content within an image are stored once', async () => {
  const scene = new StoreScene(temporaryDirectory())
  const zeros = { pageSize: PAGE, bytes: Buffer.alloc(PAGE * 5000) }
  expect(await scene.put('a', zeros)).toMatchObject({ newPages: 1 })
  expect((await scene.restore('a')).equals(zeros.bytes)).toBe(true)
})

test('pages that moved, as after a VACUUM, are found by their content', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', image)
  const moved = {
    pageSize: PAGE,
    bytes: Buffer.concat([image.bytes.subarray(PAGE * 7), image.bytes.subarray(0, PAGE * 7)]),
  }
  const { newPages } = await scene.put('b', moved)
  // So many are stored anew before it is taken for certain that this is more than a change here and there.
  expect(newPages).toBeLessThan(1100)
  expect((await scene.restore('b')).equals(moved.bytes)).toBe(true)
})

test('pages of another database are found by their content', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', image)
  const { newPages } = await scene.put('b', changed(image, [5, 2900]), { database: 'shop' })
  expect(newPages).toBeLessThan(1100)
})

test('a restore point needs none of those before, however many there were', async () => {
  const scene = new StoreScene(temporaryDirectory())
  const small = { pageSize: PAGE, bytes: randomPages(40, PAGE, 1) }
  let now: TestImage = small
  for (let number = 1; number <= 60; number++) {
    now = changed(now, [number % 40], number)
    await scene.put(`p${number}`, now)
    // Nothing but the one before is needed.
    if (number > 1) scene.delete(`p${number - 1}`)
  }
  expect((await scene.restore('p60')).equals(now.bytes)).toBe(true)
  expect(readFileSync(scene.pathOf('p60')).length).toBeLessThan(3000)
})

test('a cache that is lost, cut short, flipped or of another time never changes what is stored', async () => {
  const scene = new StoreScene(temporaryDirectory())
  const small = { pageSize: PAGE, bytes: image.bytes.subarray(0, 600 * PAGE) }
  await scene.put('a', small)
  const cache = join(cacheDirectory(scene.store), 'app.fingerprints')
  const old = readFileSync(cache)
  let now = changed(small, [3])
  const ruin: (() => void)[] = [
    () => rmSync(cache),
    () => truncateSync(cache, 100),
    () => truncateSync(cache, 0),
    ...[0, 8, 14, 40, 200, 1000].map(at => () => {
      const bytes = readFileSync(cache)
      bytes[at]! ^= 0x10
      writeFileSync(cache, bytes)
    }),
    () => writeFileSync(cache, old),
  ]
  for (const [number, act] of ruin.entries()) {
    act()
    now = changed(now, [number * 40], number)
    await scene.put(`p${number}`, now)
    expect((await scene.restore(`p${number}`)).equals(now.bytes)).toBe(true)
    expect((await scene.verify([`p${number}`])).damage).toEqual([])
  }
})

test('a restore point that was deleted since, or replaced, is not built upon', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', image)
  await scene.put('b', changed(image, [1]))
  scene.delete('b')
  await scene.collect(['a'])
  const next = changed(image, [1, 2])
  await scene.put('c', next)
  expect((await scene.restore('c')).equals(next.bytes)).toBe(true)
  writeFileSync(scene.pathOf('c'), 'something else')
  const last = changed(next, [4])
  await scene.put('d', last)
  expect((await scene.restore('d')).equals(last.bytes)).toBe(true)
})

test('pages of a pack that was lost are stored again', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', image)
  for (const { path } of await listPacks(scene.store)) rmSync(path)
  await scene.put('b', image)
  expect((await scene.restore('b')).equals(image.bytes)).toBe(true)
  // It holds the same pages, so it has the same name: the older one is whole again as well.
  expect((await scene.verify(['a', 'b'])).damage).toEqual([])
})

test('a database that nobody touched needs no reading, as long as all that its restore point relies on is there', async () => {
  const scene = new StoreScene(temporaryDirectory())
  const { store } = scene
  const { checksum, bytes } = await scene.put('a', image, { stamp: 'as it was' })
  expect(await findUnchanged(store, 'app', 'as it was', UNSEALED)).toMatchObject({
    checksum,
    bytes,
    restorePoint: 'daily/a.db.blocks',
  })
  expect(await findUnchanged(store, 'app', 'otherwise', UNSEALED)).toBeNull()
  expect(await findUnchanged(store, 'shop', 'as it was', UNSEALED)).toBeNull()
  const [pack] = await listPacks(store)
  const content = readFileSync(pack?.path ?? '')
  rmSync(pack?.path ?? '')
  expect(await findUnchanged(store, 'app', 'as it was', UNSEALED)).toBeNull()
  writeFileSync(pack?.path ?? '', content)
  scene.delete('a')
  expect(await findUnchanged(store, 'app', 'as it was', UNSEALED)).toBeNull()
})

test('an image is stored in files of mode 0600, in directories of mode 0700, and nothing is left beside them', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', image)
  const entries = readdirSync(scene.store.backupDir, { recursive: true, encoding: 'utf8' })
  expect(entries.filter(name => name.includes('.chame-backup-'))).toEqual([])
  for (const { path } of await listPacks(scene.store)) {
    const { statSync } = await import('node:fs')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
  }
})
