/** Stores of encrypted packs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openNothing } from '../../src/blocks/key-files.ts'
import { packId, packCount, parseRestorePoint } from '../../src/blocks/restore-point.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { StoreScene } from './stored.ts'

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
