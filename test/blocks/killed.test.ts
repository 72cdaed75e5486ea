/** A writer and a clean-up that are killed at any change they make, or of which any fails. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { blocksDirectory } from '../../src/catalog/layout.ts'
import { removeLeftovers } from '../../src/catalog/staging.ts'
import { type CallGroup, type Event, type Run, runUnderShim, SHIM_NEEDS } from '../faults/shim.ts'
import { leftoversIn } from '../restore/scene.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import type { StoreOrder } from './run-store.ts'
import { type Key, newKey } from './key.ts'
import { imageNumber, StoreScene } from './stored.ts'

const RUN = fileURLToPath(new URL('./run-store.ts', import.meta.url))
const CHANGES: readonly CallGroup[] = ['write', 'fsync', 'rename', 'name']
/** Every change is tried with `CHAME_KILL_ROUNDS=300`; the suite tries some, spread evenly. */
const ROUNDS = Number(process.env['CHAME_KILL_ROUNDS'] ?? 10)

/** Three restore points; the order deletes the first two or adds a fourth. */
async function openScene(key: Key | null): Promise<StoreScene> {
  const keys = key === null ? undefined : { to: { recipients: [key.recipient] }, open: key.open }
  const scene = new StoreScene(temporaryDirectory(), undefined, keys)
  for (const number of [0, 1, 2]) await scene.put(`p${number}`, imageNumber(number))
  return scene
}

function ordered(scene: StoreScene, { what, key }: Case): string {
  const { backupDir } = scene.store
  const order: StoreOrder = {
    backupDir,
    ...(what === 'put' ? { put: 3 } : { keep: ['p2'] }),
    ...(key === null ? {} : { sealed: { recipient: key.recipient, identity: key.identity } }),
  }
  return JSON.stringify(order)
}

interface Case {
  readonly what: 'put' | 'collect'
  /** Null: nothing is encrypted. */
  readonly key: Key | null
}

function run(scene: StoreScene, which: Case, event?: Event, at = 0): Promise<Run> {
  const { what, key } = which
  if (what === 'collect')
    for (const name of ['p0', 'p1']) if (existsSync(scene.pathOf(name))) scene.delete(name)
  // Lost, so that a new one is made.
  if (what === 'put' && key !== null) rmSync(join(blocksDirectory(scene.store.backupDir), 'naming.key'))
  const fault = {
    paths: [scene.store.backupDir],
    calls: CHANGES,
    ...(event === undefined ? {} : { event, at }),
  }
  return runUnderShim([RUN, ordered(scene, which)], fault)
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

const CASES = [
  { what: 'put', isSealed: false, rounds: ROUNDS },
  { what: 'collect', isSealed: false, rounds: ROUNDS },
  // In an encrypted store only what makes and takes keys differs.
  { what: 'put', isSealed: true, rounds: process.env['CHAME_KILL_ROUNDS'] === undefined ? 4 : ROUNDS },
  { what: 'collect', isSealed: true, rounds: process.env['CHAME_KILL_ROUNDS'] === undefined ? 2 : ROUNDS },
] as const

for (const { what, isSealed, rounds: roundsMax } of CASES) {
  testWith(
    SHIM_NEEDS,
    `a ${what === 'put' ? 'writer' : 'clean-up'} of ${isSealed ? 'encrypted ' : ''}packs that is killed or fails at any change harms no restore point, and the next one cleans up`,
    async () => {
      const which: Case = { what, key: isSealed ? await newKey() : null }
      const { key } = which
      const whole = await run(await openScene(key), which)
      expect(whole.stdout).toBe('done')
      const calls = whole.calls.filter(({ isCounted }) => isCounted).length
      expect(calls).toBeGreaterThan(8)
      const rounds = Math.min(roundsMax, calls * EVENTS.length)
      for (let round = 0; round < rounds; round++) {
        const at = 1 + Math.floor((round * calls) / rounds)
        const event = EVENTS[round % EVENTS.length] as Event
        const scene = await openScene(key)
        await run(scene, which, event, at)
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
