/** What a clean-up gives back, and what it leaves alone. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockForReading } from '../../src/blocks/readers-lock.ts'
import { blocksDirectory } from '../../src/catalog/layout.ts'
import { listPacks } from '../../src/blocks/store.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { fillPage, NEVER, randomPages, StoreScene } from './stored.ts'

const PAGE = 4096
const PAGES = 4000

test('at least nine tenths of the dead space are given back, and what is left restores', async () => {
  const scene = new StoreScene(temporaryDirectory())
  let bytes = randomPages(PAGES, PAGE, 1)
  await scene.put('p0', { pageSize: PAGE, bytes })
  for (let number = 1; number <= 6; number++) {
    bytes = Buffer.from(bytes)
    for (let page = number; page < PAGES; page += 7)
      fillPage(bytes.subarray(page * PAGE, (page + 1) * PAGE), number * 10_000 + page)
    await scene.put(`p${number}`, { pageSize: PAGE, bytes })
  }
  const before = await scene.packBytes()
  for (let number = 0; number < 6; number++) scene.delete(`p${number}`)
  const { status, freedBytes, rewrittenPacks } = await scene.collect(['p6'])
  expect(status).toBe('done')
  expect(rewrittenPacks).toBeGreaterThan(0)
  const after = await scene.packBytes()
  expect(before - after).toBe(freedBytes)
  const alone = new StoreScene(temporaryDirectory())
  await alone.put('p6', { pageSize: PAGE, bytes })
  const dead = before - (await alone.packBytes())
  expect(freedBytes).toBeGreaterThanOrEqual(dead * 0.9)
  expect((await scene.restore('p6')).equals(bytes)).toBe(true)
  expect((await scene.verify(['p6'])).damage).toEqual([])
})

test('packs that nobody refers to go, and a second clean-up has nothing to do', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', { pageSize: PAGE, bytes: randomPages(50, PAGE, 1) })
  scene.delete('a')
  expect(await scene.collect([])).toMatchObject({ status: 'done', removedPacks: 1 })
  expect(await scene.collect([])).toMatchObject({ status: 'done', removedPacks: 0, freedBytes: 0 })
})

test('while a restore point cannot be read nothing is removed, because nobody knows what it relies on', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', { pageSize: PAGE, bytes: randomPages(50, PAGE, 1) })
  await scene.put('b', { pageSize: PAGE, bytes: randomPages(50, PAGE, 1000) })
  const whole = readFileSync(scene.pathOf('a'))
  writeFileSync(scene.pathOf('a'), whole.subarray(0, 60))
  scene.delete('b')
  const packs = await listPacks(scene.store)
  const refused = await scene.collect(['a'])
  expect(refused).toMatchObject({ status: 'refused', freedBytes: 0 })
  expect(refused.unreadable.map(({ path }) => path)).toEqual([scene.pathOf('a')])
  expect(await listPacks(scene.store)).toHaveLength(packs.length)
  writeFileSync(scene.pathOf('a'), whole)
  expect(await scene.collect(['a'])).toMatchObject({ status: 'done', removedPacks: 1 })
})

test('a clean-up waits for those who read packs, and leaves it to the next one when they take too long', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', { pageSize: PAGE, bytes: randomPages(50, PAGE, 1) })
  {
    using _one = await lockForReading(scene.store, { waitMs: 0, signal: NEVER })
    using _two = await lockForReading(scene.store, { waitMs: 0, signal: NEVER })
    expect(await scene.collect([])).toMatchObject({ status: 'busy', freedBytes: 0 })
  }
  expect(await scene.collect([])).toMatchObject({ status: 'done', removedPacks: 1 })
})

test('damage in a pack that is rewritten is neither hidden nor spread', async () => {
  const scene = new StoreScene(temporaryDirectory())
  const bytes = randomPages(200, PAGE, 1)
  await scene.put('a', { pageSize: PAGE, bytes })
  await scene.put('b', { pageSize: PAGE, bytes: bytes.subarray(0, 90 * PAGE) })
  const path = (await listPacks(scene.store))[0]?.path ?? ''
  const whole = readFileSync(path)
  whole[500]! ^= 1
  writeFileSync(path, whole)
  scene.delete('a')
  expect(await scene.collect(['b'])).toMatchObject({ status: 'done', rewrittenPacks: 1 })
  const { damage } = await scene.verify(['b'])
  expect(damage).toMatchObject([{ path, hurts: [scene.pathOf('b')] }])
})

test('what others put beside the packs stays', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', { pageSize: PAGE, bytes: randomPages(5, PAGE, 1) })
  const notes = join(blocksDirectory(scene.store.backupDir), 'notes.txt')
  writeFileSync(notes, 'mine')
  scene.delete('a')
  await scene.collect([])
  expect(existsSync(notes)).toBe(true)
  rmSync(notes)
})
