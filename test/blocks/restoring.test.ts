/** Making a large image again: by several threads, in parts that are all of it. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openNothing } from '../../src/blocks/key-files.ts'
import { LaneHere, LaneOfThread } from '../../src/blocks/part-lanes.ts'
import { PackFile } from '../../src/blocks/pack-file.ts'
import { encodePackIndex, GROUP_ENTRY_BYTES, groupLength } from '../../src/blocks/pack-index.ts'
import { restoreImage, restoreInLanes, type RestoreOptions } from '../../src/blocks/restore-image.ts'
import { partsOf } from '../../src/blocks/restore-plan.ts'
import {
  encodeRestorePoint,
  packId,
  parseRestorePoint,
  type RestorePoint,
  RunWriter,
} from '../../src/blocks/restore-point.ts'
import { packPath } from '../../src/blocks/store.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { newKey } from './key.ts'
import { fillPage, NEVER, randomPages, StoreScene, type TestImage } from './stored.ts'

const PAGE = 4096
/** More than is written without a thread. */
const PAGES = 9_000
const CHANGED_EVERY = 61

/** Most pages are its own, and some recur. */
function largeImage(): TestImage {
  const few = randomPages(500, PAGE, 1)
  const bytes = Buffer.alloc(PAGES * PAGE)
  for (let page = 0; page < PAGES; page++) {
    few.copy(bytes, page * PAGE, (page % 500) * PAGE, ((page % 500) + 1) * PAGE)
    if (page % 5 !== 0) bytes.writeUInt32LE(page, page * PAGE + 64)
  }
  return { pageSize: PAGE, bytes }
}

function changed({ bytes }: TestImage): TestImage {
  const next = Buffer.from(bytes)
  for (let page = 7; page < PAGES; page += CHANGED_EVERY)
    fillPage(next.subarray(page * PAGE, (page + 1) * PAGE), 900_000 + page)
  return { pageSize: PAGE, bytes: next }
}

function pointOf(scene: StoreScene, name: string): RestorePoint {
  const path = scene.pathOf(name)
  return parseRestorePoint(readFileSync(path), path)
}

/** Paths of the packs of a restore point, in the order of its list. */
function packsOf(scene: StoreScene, name: string): string[] {
  const point = pointOf(scene, name)
  const count = point.packs.length / 32
  return Array.from({ length: count }, (_, pack) => packPath(scene.store, packId(point, pack)))
}

describe('a large image', () => {
  const image = largeImage()
  const next = changed(image)
  const directory = mkdtempSync(join(tmpdir(), 'chame-test-'))
  const scene = new StoreScene(directory)

  beforeAll(async () => {
    await scene.put('first', image)
    await scene.put('next', next)
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  test('is made by several threads, byte for byte', async () => {
    expect(packsOf(scene, 'next').length).toBeGreaterThan(1)
    expect((await scene.restore('first')).equals(image.bytes)).toBe(true)
    expect((await scene.restore('next')).equals(next.bytes)).toBe(true)
  })

  test('is made so of packs that are encrypted, too', async () => {
    const key = await newKey()
    const keys = { to: { recipients: [key.recipient] }, open: key.open }
    const sealed = new StoreScene(temporaryDirectory(), undefined, keys)
    await sealed.put('first', image)
    expect((await sealed.restore('first')).equals(image.bytes)).toBe(true)
    sealed.keys.open = openNothing
    await expect(sealed.restore('first')).rejects.toMatchObject({ name: 'NoKeyFits' })
  })

  const restoreTo = async (path: string, options: Partial<RestoreOptions>): Promise<void> => {
    const fd = openSync(path, 'w')
    try {
      const point = pointOf(scene, 'next')
      await restoreImage(point, scene.store, { fd, path }, { open: openNothing, signal: NEVER, ...options })
    } finally {
      closeSync(fd)
    }
  }

  const restoreByThread = async (
    thread: URL,
    { isAlone }: { readonly isAlone: boolean },
  ): Promise<Buffer> => {
    const path = scene.pathOf('by-thread')
    const fd = openSync(path, 'w')
    try {
      const order = { file: { fd, path }, pageSize: PAGE, isSealed: false }
      const lanes = [new LaneOfThread(order, thread), ...(isAlone ? [] : [new LaneHere(order)])]
      await restoreInLanes(lanes, pointOf(scene, 'next'), scene.store, { open: openNothing, signal: NEVER })
    } finally {
      closeSync(fd)
    }
    return readFileSync(path)
  }

  test.each([
    ['is not started', 'no-scheme-of-a-thread:'],
    ['fails as it starts', 'data:text/javascript,throw new Error("no memory")'],
    ['ends as it starts', 'data:text/javascript,process.exit(1)'],
  ])('is made without a thread that %s, and not without any', async (_, thread) => {
    expect((await restoreByThread(new URL(thread), { isAlone: false })).equals(next.bytes)).toBe(true)
    await expect(restoreByThread(new URL(thread), { isAlone: true })).rejects.toThrow('has ended')
  })

  test('is given up when that is asked for', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const restored = restoreTo(scene.pathOf('half'), { signal, onBytes: () => controller.abort() })
    await expect(restored).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  testWith(['linux'], 'is given up when the disk takes no more', async () => {
    await expect(restoreTo('/dev/full', {})).rejects.toMatchObject({ code: 'INSUFFICIENT_SPACE' })
  })

  test('is not made of damaged packs, and of several the first is named', async () => {
    const packs = packsOf(scene, 'next')
    // From the last on, so that each time another one is the first.
    for (const path of packs.toReversed()) {
      const bytes = readFileSync(path)
      bytes[bytes.length >> 1]! ^= 1
      writeFileSync(path, bytes)
      const restored = scene.restore('next')
      await expect(restored).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
      await expect(restored).rejects.toThrow(path)
    }
    rmSync(packs[0] ?? '')
    await expect(scene.restore('next')).rejects.toThrow(`missing: ${packs[0]}`)
  })
})

test('a thread that cannot go on takes no more parts, and says why', async () => {
  const order = { file: { fd: -1, path: 'image.db' }, pageSize: PAGE, isSealed: false }
  const lane = new LaneOfThread(order)
  const part = { path: '/not-there.pack', id: 'ab', secret: null, runs: [{ slot: 0, count: 1, page: 0 }] }
  await expect(lane.write(part)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
  await lane[Symbol.asyncDispose]()
  await expect(lane.write(part)).rejects.toThrow('has ended')
})

test('a group that was made to look whole is named all the same, also when others are read with it', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('a', { pageSize: PAGE, bytes: randomPages(100, PAGE, 1) })
  const [path = ''] = packsOf(scene, 'a')
  const { index } = PackFile.open(path, packId(pointOf(scene, 'a'), 0))
  const bytes = readFileSync(path)
  const from = bytes.length - encodePackIndex(index).length - groupLength(index, 6)
  const last = { at: from, length: groupLength(index, 6) }
  bytes.fill(0x55, last.at, last.at + last.length)
  const groups = Buffer.from(index.groups)
  const crc = crc32(bytes.subarray(last.at, last.at + last.length))
  groups.writeUInt32LE(crc, 6 * GROUP_ENTRY_BYTES + 4)
  encodePackIndex({ ...index, groups }).copy(bytes, last.at + last.length)
  writeFileSync(path, bytes)
  await expect(scene.restore('a')).rejects.toThrow('group 6 of the pack')
})

test('the parts of an image are all of it, each page once, and none is large', () => {
  const pageSize = 65_536
  const runs = fc.array(
    fc.record({
      pack: fc.integer({ min: 0, max: 3 }),
      slot: fc.integer({ min: 0, max: 300 }),
      count: fc.integer({ min: 1, max: 100 }),
    }),
    { maxLength: 40 },
  )
  fc.assert(
    fc.property(runs, each => {
      const writer = new RunWriter()
      const wanted: string[] = []
      for (const { pack, slot, count } of each) {
        writer.add(pack, slot, count)
        for (let page = 0; page < count; page++) wanted.push(`${pack}/${slot + page}`)
      }
      const point = { pageSize, pageCount: wanted.length, runs: writer.finish() } as RestorePoint
      const made: string[] = []
      let last = 0
      for (const part of partsOf({ ...point, packs: Buffer.alloc(4 * 32) })) {
        expect(part.pageCount * pageSize).toBeLessThanOrEqual(2 << 20)
        expect(part.pack).toBeGreaterThanOrEqual(last)
        last = part.pack
        for (const { slot, count, page } of part.runs) {
          for (let at = 0; at < count; at++) {
            expect(made[page + at]).toBeUndefined()
            made[page + at] = `${part.pack}/${slot + at}`
          }
        }
      }
      expect(made).toEqual(wanted)
    }),
  )
})

test('a restore point that names a page which no pack can have is none', () => {
  const runs = new RunWriter()
  runs.add(0, (64 << 20) / 4096, 1)
  const point = {
    pageSize: 4096,
    pageCount: 1,
    imageChecksum: '00'.repeat(32),
    packs: Buffer.alloc(32),
    runs: runs.finish(),
    isSealed: false,
  }
  const bytes = encodeRestorePoint(point)
  expect(() => parseRestorePoint(bytes, 'a.db.blocks')).toThrow('the restore point makes no sense')
})
