/** A writer and a clean-up that are killed at any change they make, or of which any fails. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { removeLeftovers } from '../../src/catalog/staging.ts'
import { type CallGroup, type Event, type Run, runUnderShim, SHIM_NEEDS } from '../faults/shim.ts'
import { leftoversIn } from '../restore/scene.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import type { StoreOrder } from './run-store.ts'
import { imageNumber, StoreScene } from './stored.ts'

const RUN = fileURLToPath(new URL('./run-store.ts', import.meta.url))
const CHANGES: readonly CallGroup[] = ['write', 'fsync', 'rename', 'name']
/** Every change is tried with `CHAME_KILL_ROUNDS=300`; the suite tries some, spread evenly. */
const ROUNDS = Number(process.env['CHAME_KILL_ROUNDS'] ?? 10)

/** Three restore points; the order deletes the first two or adds a fourth. */
async function openScene(): Promise<StoreScene> {
  const scene = new StoreScene(temporaryDirectory())
  for (const number of [0, 1, 2]) await scene.put(`p${number}`, imageNumber(number))
  return scene
}

function ordered(scene: StoreScene, what: 'put' | 'collect'): string {
  const { backupDir } = scene.store
  const order: StoreOrder = what === 'put' ? { backupDir, put: 3 } : { backupDir, keep: ['p2'] }
  return JSON.stringify(order)
}

function run(scene: StoreScene, what: 'put' | 'collect', event?: Event, at = 0): Promise<Run> {
  if (what === 'collect')
    for (const name of ['p0', 'p1']) if (existsSync(scene.pathOf(name))) scene.delete(name)
  const fault = {
    paths: [scene.store.backupDir],
    calls: CHANGES,
    ...(event === undefined ? {} : { event, at }),
  }
  return runUnderShim([RUN, ordered(scene, what)], fault)
}

/** Every restore point that has its file is whole. */
async function expectWhole(scene: StoreScene): Promise<void> {
  const numbers = [0, 1, 2, 3].filter(number => existsSync(scene.pathOf(`p${number}`)))
  const names = numbers.map(number => `p${number}`)
  expect((await scene.verify(names)).damage).toEqual([])
  for (const number of numbers)
    expect((await scene.restore(`p${number}`)).equals(imageNumber(number).bytes)).toBe(true)
}

const EVENTS: readonly Event[] = [
  { kind: 'kill' },
  { kind: 'fail', errno: 'ENOSPC', isSticky: true },
  { kind: 'short', isSticky: false },
]

for (const what of ['put', 'collect'] as const) {
  testWith(
    SHIM_NEEDS,
    `a ${what === 'put' ? 'writer' : 'clean-up'} that is killed or fails at any change harms no restore point, and the next one cleans up`,
    async () => {
      const whole = await run(await openScene(), what)
      expect(whole.stdout).toBe('done')
      const calls = whole.calls.filter(({ isCounted }) => isCounted).length
      expect(calls).toBeGreaterThan(8)
      const rounds = Math.min(ROUNDS, calls * EVENTS.length)
      for (let round = 0; round < rounds; round++) {
        const at = 1 + Math.floor((round * calls) / rounds)
        const event = EVENTS[round % EVENTS.length] as Event
        const scene = await openScene()
        await run(scene, what, event, at)
        await expectWhole(scene)
        await removeLeftovers(scene.store.backupDir, [])
        const again = imageNumber(3)
        await scene.put('p3', again)
        await expectWhole(scene)
        for (const number of [0, 1, 2, 3])
          if (existsSync(scene.pathOf(`p${number}`))) scene.delete(`p${number}`)
        expect((await scene.collect([])).status).toBe('done')
        expect(await scene.packBytes()).toBe(0)
        expect(leftoversIn(scene.store.backupDir)).toEqual([])
      }
    },
    1_800_000,
  )
}
