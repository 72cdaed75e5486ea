/** Stores of encrypted packs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openNothing } from '../../src/blocks/key-files.ts'
import { packId, packCount, parseRestorePoint } from '../../src/blocks/restore-point.ts'
import { listPacks } from '../../src/blocks/store.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import type { Key } from './key.ts'
import { fillPage, randomPages, StoreScene, type TestImage } from './stored.ts'

export const PAGE = 4096

/** A store on a machine that has no key to it. */
export function sealedScene(recipients: readonly string[]): StoreScene {
  return new StoreScene(temporaryDirectory(), undefined, { to: { recipients }, open: openNothing })
}

/** The packs that a restore point names. */
export function packsOf(scene: StoreScene, name: string): Set<string> {
  const path = scene.pathOf(name)
  const point = parseRestorePoint(readFileSync(path), path)
  return new Set(Array.from({ length: packCount(point) }, (_, pack) => packId(point, pack)))
}

/** Every byte of every file below a directory. */
export function allBytesBelow(directory: string): Buffer {
  const files = filesBelow(directory).map(name => join(directory, name))
  return Buffer.concat(files.map(readUnlessDirectory))
}

function readUnlessDirectory(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EISDIR') return Buffer.alloc(0)
    throw error
  }
}

export function imageOf(pages: number, seed = 1): TestImage {
  return { pageSize: PAGE, bytes: randomPages(pages, PAGE, seed) }
}

export function changed({ bytes }: TestImage, pages: readonly number[], seed = 900_000): TestImage {
  const next = Buffer.from(bytes)
  for (const page of pages) fillPage(next.subarray(page * PAGE, (page + 1) * PAGE), seed + page)
  return { pageSize: PAGE, bytes: next }
}

export async function restoreWith(scene: StoreScene, key: Key, name: string): Promise<Buffer> {
  scene.keys.open = key.open
  try {
    return await scene.restore(name)
  } finally {
    scene.keys.open = openNothing
  }
}

/** The one pack of a store. */
export async function onlyPack(scene: StoreScene): Promise<{ readonly path: string; readonly id: string }> {
  const [pack, ...others] = await listPacks(scene.store)
  if (pack === undefined || others.length > 0) throw new Error('There is not one pack')
  return pack
}
