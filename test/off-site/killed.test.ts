/** Operations that are killed at any change they make at a target, or of which any fails there. */
import { copyFileSync, cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { isFull } from '../faults/extent.ts'
import { SHIM_NEEDS } from '../faults/shim.ts'
import { assertIntact } from '../support/intact.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { makeBackups, namesAt, openPlace, type Place } from './place.ts'
import { tendUnderShim } from './tend-killed.ts'
import type { TendOrder } from './tend.ts'

/** In the suite every third call, the last among them. */
const STEP = isFull ? 1 : 3

/** As it was before, without the cost of making it anew. */
function keeper(place: Place): () => void {
  cpSync(place.path('backups'), place.path('kept-backups'), { recursive: true })
  cpSync(place.path('far'), place.path('kept-far'), { recursive: true })
  return () => {
    for (const name of ['backups', 'far']) {
      rmSync(place.path(name), { recursive: true, force: true })
      cpSync(place.path(`kept-${name}`), place.path(name), { recursive: true })
    }
  }
}

/** Every backup that the target lists is whole, and restores. */
async function expectWhole(place: Place): Promise<string[]> {
  const listed = await place.database().listBackups({ target: 'far' })
  for (const { filename, type, metadataState, size, metadata } of listed) {
    expect(metadataState, filename).toBe('ok')
    expect(size, filename).toBe(metadata?.file_size)
    const stored = place.path('far', type, filename)
    copyFileSync(stored, place.path('look.db'))
    assertIntact(place.path('look.db'))
  }
  return listed.map(({ filename }) => filename)
}

async function points(place: Place, operation: TendOrder['operation'], reset: () => void): Promise<number[]> {
  const { stdout, calls } = await tendUnderShim(operation, place)
  expect(stdout).toContain('success')
  reset()
  const count = calls.filter(({ isCounted }) => isCounted).length
  expect(count).toBeGreaterThan(6)
  return Array.from({ length: count }, (_, index) => index + 1).filter(at => at % STEP === count % STEP)
}

for (const operation of ['create', 'sync'] as const) {
  testWith(
    SHIM_NEEDS,
    `a ${operation} that is killed at any change at the target leaves nothing half there, and the next sync completes it`,
    async () => {
      const place = openPlace()
      const names = await makeBackups(place, operation === 'sync' ? 2 : 1)
      const reset = keeper(place)
      const counts = new Set<number>()
      for (const at of await points(place, operation, reset)) {
        const { signal } = await tendUnderShim(operation, place, { kind: 'kill' }, at)
        expect(signal, `killed at ${at}`).toBe('SIGKILL')
        counts.add((await expectWhole(place)).length)
        const here = await namesAt(place)
        expect(here).toEqual(expect.arrayContaining(names))
        expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
        expect(await expectWhole(place), `after a kill at ${at}`).toEqual(here)
        for (const name of here) {
          const [there, local] = ['far', 'backups'].map(root =>
            readFileSync(place.path(root, 'manual', name)),
          )
          expect(there).toEqual(local)
        }
        reset()
      }
      expect(counts.size).toBeGreaterThan(1)
    },
    300_000,
  )
}

testWith(
  SHIM_NEEDS,
  'a cleanup that is killed at any change at the target leaves each backup whole or none, and the next one finishes it',
  async () => {
    const place = openPlace()
    await makeBackups(place, 3, 'daily')
    succeeded(await place.database().syncTargets())
    const reset = keeper(place)
    const counts = new Set<number>()
    for (const at of await points(place, 'cleanup', reset)) {
      const { signal } = await tendUnderShim('cleanup', place, { kind: 'kill' }, at)
      expect(signal, `killed at ${at}`).toBe('SIGKILL')
      counts.add((await expectWhole(place)).length)
      const order = { target: 'far', dailyKeep: 1 }
      expect(succeeded(await place.database().cleanupOldBackups(order)).status).toBe('done')
      const left = place.files('far').filter(name => !name.includes('/.chame-'))
      // A mark beside metadata is left to the cleanup of another day: somebody may be at work.
      expect(
        left.filter(name => name.startsWith('daily/')),
        `after a kill at ${at}`,
      ).toHaveLength(1)
      expect(
        left.filter(name => name.endsWith('.json')),
        `after a kill at ${at}`,
      ).toHaveLength(1)
      expect(await expectWhole(place)).toHaveLength(1)
      reset()
    }
    expect(counts.size).toBeGreaterThan(1)
  },
  300_000,
)

testWith(
  SHIM_NEEDS,
  'a sync of which any change at the target fails says so, and the next one completes it',
  async () => {
    const place = openPlace()
    const names = await makeBackups(place, 1)
    const reset = keeper(place)
    const answers = new Set<string>()
    for (const errno of ['ENOSPC', 'EIO'] as const) {
      for (const at of await points(place, 'sync', reset)) {
        const { stdout, stderr } = await tendUnderShim(
          'sync',
          place,
          { kind: 'fail', errno, isSticky: true },
          at,
        )
        expect(stderr).toBe('')
        expect(stdout, `failing at ${at}`).toContain('success')
        answers.add(String((await expectWhole(place)).length))
        expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
        expect(await expectWhole(place)).toEqual(names)
        reset()
      }
    }
    expect(answers).toContain('0')
  },
  300_000,
)

testWith(
  SHIM_NEEDS,
  'a target that is full says so, keeps what it has, and gets the rest once there is room',
  async () => {
    const place = openPlace()
    const [first = ''] = await makeBackups(place, 1)
    succeeded(await place.database().syncTargets())
    const event = { kind: 'fail', errno: 'ENOSPC', isSticky: true } as const
    const { stdout } = await tendUnderShim('create', place, event, 1)
    expect(stdout).toContain('success')
    expect(await namesAt(place, 'far')).toEqual([first])
    const [newest] = await place.database().listBackups()
    expect(newest?.copies).toEqual([])
    expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([
      { copied: [newest?.filename] },
    ])
    expect(place.files('far').filter(name => name.startsWith(join('manual', '')))).toHaveLength(2)
  },
)
