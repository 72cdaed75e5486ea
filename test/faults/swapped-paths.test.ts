/**
 * Root restores into a directory that belongs to somebody else, who may rename and replace what is in it
 * at any moment: at every system call our staging directory is swapped for one that leads elsewhere.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
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

testWith(
  [...SHIM_NEEDS, 'root', 'setpriv'],
  'a restore whose staging directory is swapped at any call leaves files elsewhere as they are',
  async () => {
    const undisturbed = await ransackedScene()
    const { calls } = await restore(undisturbed)
    const swappable = calls.flatMap(({ path }, i) => (isStaging(undisturbed, path) ? [i + 1] : []))
    expect(swappable.length).toBeGreaterThan(5)

    let swaps = 0
    for (const at of select(swappable, 12)) {
      const scene = await ransackedScene()
      await restore(scene, at, () => (swaps += swapStaging(scene)))
      for (const name of ['image.db', 'other']) {
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
  },
)

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

/**
 * Puts in its place a directory whose files are links: under the names that the owner of the directory
 * around it can see in it, and under one that he may guess. Returns how many staging directories there were.
 */
function swapStaging(scene: Scene): number {
  const data = scene.path('data')
  const staged = readdirSync(data).filter(name => name.startsWith('.chame-backup-'))
  for (const name of staged) {
    const names = new Set(['image.db', ...namesSeenBySomebodyElse(join(data, name))])
    renameSync(join(data, name), scene.path(`taken-${name}`))
    mkdirSync(join(data, name))
    for (const file of names) symlinkSync(scene.path('elsewhere', 'image.db'), join(data, name, file))
  }
  return staged.length
}

function namesSeenBySomebodyElse(directory: string): string[] {
  const asThem = [`--reuid=${NOT_OURS}`, `--regid=${NOT_OURS}`, '--clear-groups']
  const { stdout } = spawnSync('setpriv', [...asThem, 'ls', '-A', directory], { encoding: 'utf8' })
  return stdout.split('\n').filter(Boolean)
}
