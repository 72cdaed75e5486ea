/** Cleanups that are killed at changes they make at the target while they write packs anew. */
import { cpSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import { expect } from 'vitest'
import { SHIM_NEEDS } from '../faults/shim.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { openHalfDead, packsAt, restoreAll } from './half-dead.ts'
import { POINTS, tendUnderShim } from './tend-killed.ts'

testWith(
  SHIM_NEEDS,
  'a cleanup that is killed at any change at the target leaves every backup there whole, holds up no other, and the next one gives the space back',
  async () => {
    const { place, pack } = await openHalfDead()
    const full = readFileSync(place.path('far', pack))
    cpSync(place.path('far'), place.path('kept'), { recursive: true, preserveTimestamps: true })
    const reset = (): void => {
      rmSync(place.path('far'), { recursive: true })
      cpSync(place.path('kept'), place.path('far'), { recursive: true, preserveTimestamps: true })
    }
    const { stdout, calls } = await tendUnderShim('cleanup', place)
    expect(stdout).toContain('success')
    const short = readFileSync(place.path('far', pack))
    expect(short.length).toBeLessThan(full.length / 2)
    reset()
    const count = calls.filter(({ isCounted }) => isCounted).length
    const step = Math.max(1, Math.floor(count / POINTS))
    const seen = new Set<string>()
    for (let at = count; at > 0; at -= step) {
      const { signal } = await tendUnderShim('cleanup', place, { kind: 'kill' }, at)
      expect(signal, `killed at ${at}`).toBe('SIGKILL')
      const left = readFileSync(place.path('far', pack))
      expect([full, short].some(bytes => bytes.equals(left))).toBe(true)
      seen.add(left.equals(full) ? 'full' : 'short')
      expect(await restoreAll(place), `killed at ${at}`).toHaveLength(1)
      // Whatever mark was left, a backup that needs none of what goes is copied.
      const made = succeeded(await place.database().createBackup())
      expect(made.targets).toMatchObject([{ status: 'copied' }])
      for (const name of packsAt(place))
        utimesSync(place.path('far', name), new Date('2025-01-01'), new Date('2025-01-01'))
      const cleaned = succeeded(await place.database().cleanupOldBackups({ target: 'far' }))
      expect(cleaned.targets[0]?.packs).toMatchObject({ status: 'done', problem: null })
      expect(readFileSync(place.path('far', pack)).equals(short)).toBe(true)
      expect(await restoreAll(place), `after a kill at ${at}`).toHaveLength(2)
      succeeded(await place.database().deleteBackup(made.filename, { confirm: true, force: true }))
      reset()
    }
    expect([...seen].toSorted()).toEqual(['full', 'short'])
  },
  300_000,
)
