/**
 * Root restores into a directory that belongs to somebody else, who may rename and replace what is in it
 * at any moment: at every system call our staging directory is swapped for one that leads elsewhere.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { OPERATION, orderFor } from '../crash/run-operation.ts'
import { backUpThenChange, openScene, removeDatabase, type Scene } from '../restore/scene.ts'
import { testWith } from '../support/requirements.ts'
import { select } from './extent.ts'
import { runUnderShim, SHIM_NEEDS } from './shim.ts'

const SECRET = 'root:$6$not-yours'
const NOT_OURS = 65_534
/** At so many calls when not at all. */
const SELECTED = 10

for (const [swappedFor, swap] of [
  ['a link to a directory', putLink],
  ['a directory of links', putLinks],
] as const) {
  testWith(
    [...SHIM_NEEDS, 'root', 'setpriv'],
    `a restore whose staging directory is swapped for ${swappedFor} at any call leaves files elsewhere as they are`,
    () => swapAtEveryCall(swap),
  )
}

async function swapAtEveryCall(swap: Swap): Promise<void> {
  const undisturbed = await ransackedScene()
  const { calls } = await restore(undisturbed)
  const swappable = calls.flatMap(({ path }, i) => (isStaging(undisturbed, path) ? [i + 1] : []))
  expect(swappable.length).toBeGreaterThan(5)

  let swaps = 0
  for (const at of select(swappable, SELECTED)) {
    const scene = await ransackedScene()
    await restore(scene, at, () => (swaps += swapStaging(scene, swap)))
    for (const name of ['image.db', 'other']) {
      expect(existsSync(scene.path('elsewhere', name)), `${name}, swapped at call ${at}`).toBe(true)
      const { uid, mode } = lstatSync(scene.path('elsewhere', name))
      const found = {
        content: readFileSync(scene.path('elsewhere', name), 'utf8'),
        uid,
        mode: mode & 0o777,
      }
      expect(found, `${name}, swapped at call ${at}`).toEqual({ content: SECRET, uid: 0, mode: 0o600 })
    }
  }
  expect(swaps).toBeGreaterThan(3)
}

/** A backup, nothing at its target, the target's directory somebody else's; and files elsewhere that are root's alone. */
async function ransackedScene(): Promise<Scene> {
  const scene = openScene()
  await backUpThenChange(scene)
  removeDatabase(scene.databasePath)
  mkdirSync(scene.path('elsewhere'))
  for (const name of ['image.db', 'other']) {
    writeFileSync(scene.path('elsewhere', name), SECRET)
    chmodSync(scene.path('elsewhere', name), 0o600)
  }
  chownSync(scene.path('data'), NOT_OURS, NOT_OURS)
  return scene
}

function restore(scene: Scene, at = 0, meanwhile: () => void = () => {}): ReturnType<typeof runUnderShim> {
  const order = orderFor(scene, { operation: 'restore' })
  return runUnderShim([OPERATION, order], {
    paths: [scene.path('data')],
    ...(at === 0 ? {} : { event: { kind: 'stop', meanwhile }, at }),
  })
}

function isStaging(scene: Scene, path: string): boolean {
  return path.startsWith(scene.path('data', '.chame-backup-'))
}

type Swap = (scene: Scene, staging: string, names: readonly string[]) => void

/** Puts something else in the place of our staging directory; returns how many there were. */
function swapStaging(scene: Scene, swap: Swap): number {
  const data = scene.path('data')
  const staged = readdirSync(data).filter(name => name.startsWith('.chame-backup-'))
  for (const name of staged) {
    const names = namesSeenBySomebodyElse(join(data, name))
    renameSync(join(data, name), scene.path(`taken-${name}`))
    swap(scene, join(data, name), names)
  }
  return staged.length
}

function putLink(scene: Scene, staging: string): void {
  symlinkSync(scene.path('elsewhere'), staging)
}

/** Under the names that the owner of the directory around it can see in it, and under one that he may guess. */
function putLinks(scene: Scene, staging: string, names: readonly string[]): void {
  mkdirSync(staging)
  for (const file of new Set(['image.db', ...names])) {
    symlinkSync(scene.path('elsewhere', 'image.db'), join(staging, file))
  }
}

function namesSeenBySomebodyElse(directory: string): string[] {
  const asThem = [`--reuid=${NOT_OURS}`, `--regid=${NOT_OURS}`, '--clear-groups']
  const { stdout } = spawnSync('setpriv', [...asThem, 'ls', '-A', directory], { encoding: 'utf8' })
  return stdout.split('\n').filter(Boolean)
}
