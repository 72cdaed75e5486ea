/** The oracle's look at a target: a directory that holds copies whole, or none. */
import { existsSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import type { Scene } from '../restore/scene.ts'
import { examineStored, type Stored } from './oracle-stored.ts'

/** Below the scene. */
export const TARGET = 'target'

/** Left by writers that were killed, and removed a day later. */
const HALF_WRITTEN = /(^|\/)\.chame-[0-9a-f]{16}\.part$/
/** Where the audit log stood when a copy was made. */
const ANCHOR = /^audit-anchors(\/[0-9a-f]{16}-\d{16}-[0-9a-f]{64}-[0-9a-f]{16}-\d{8}T\d{6}Z\.json)?$/
const COPYING = /^metadata\/.+\.json\.copying-manual$/

/**
 * What is wrong at the target, if the scene has one: whatever has a name there is whole, with the packs that it relies
 * on, and what has no metadata is marked. After a success all of the backup directory is there. The mark of a copy that
 * was killed when all was there stays: it may be that of somebody at work, until it is a day old.
 */
export function examineTarget(
  scene: Scene,
  here: Stored,
  { keyPath, isDone }: { readonly keyPath: string; readonly isDone: boolean },
): string[] {
  const directory = scene.path(TARGET)
  if (!existsSync(directory)) return []
  const others = [HALF_WRITTEN, COPYING, ANCHOR]
  const there = examineStored({ directory, earlier: {}, notes: [], others, keyPath })
  const marks = namesIn(scene.path(TARGET, 'metadata')).filter(name => COPYING.test(`metadata/${name}`))
  const unmarked = Object.keys(there.images).filter(
    image => !there.isDescribed(image) && !marks.includes(`${basename(image)}.json.copying-manual`),
  )
  const copied = Object.keys(there.images).filter(there.isDescribed)
  const lone = marks.filter(mark => !copied.some(image => mark.startsWith(basename(image))))
  const lacking = Object.keys(here.images).filter(image => here.isDescribed(image) && !copied.includes(image))
  return [
    ...there.violations,
    ...unmarked.map(image => `${image} has neither metadata nor the mark of its copying`),
    ...copied
      .filter(image => image in here.images && here.images[image] !== there.images[image])
      .map(image => `${image} is another`),
    ...(isDone ? lacking.map(image => `success was printed, and ${image} is not copied`) : []),
    ...(isDone ? lone.map(mark => `success was printed, and ${mark} is left`) : []),
  ].map(problem => `at the target: ${problem}`)
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}
