/** Copies of backups of pages that are killed at changes they make at the target. */
import { cpSync, rmSync } from 'node:fs'
import { expect } from 'vitest'
import { isFull } from '../faults/extent.ts'
import { SHIM_NEEDS } from '../faults/shim.ts'
import { assertIntact } from '../support/intact.ts'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { makeBackups, namesAt, openPlace, type Place } from './place.ts'
import { tendUnderShim } from './tend-killed.ts'

/** So many of the changes in the suite, spread over all of them. */
const POINTS = isFull ? Number.POSITIVE_INFINITY : 8

/** Every backup that the target lists restores; returns how many there are. */
async function restoreAll(place: Place): Promise<number> {
  const names = await namesAt(place, 'far')
  for (const name of names) {
    const to = place.path('restored.db')
    rmSync(to, { force: true })
    succeeded(await place.database().restoreBackup(name, { target: 'far', to }))
    assertIntact(to)
  }
  return names.length
}

testWith(
  SHIM_NEEDS,
  'a sync of backups of pages that is killed at any change at the target leaves only such that restore, and the next one completes it',
  async () => {
    const place = openPlace(['far'], { encoding: 'blocks' })
    await makeBackups(place, 1)
    const connection = openDatabase(place.databasePath)
    for (let i = 0; i < 5; i++) commitToLedger(connection)
    connection.close()
    await makeBackups(place, 1)
    cpSync(place.path('far'), place.path('kept-far'), { recursive: true })
    cpSync(place.path('backups'), place.path('kept-backups'), { recursive: true })
    const reset = (): void => {
      for (const name of ['far', 'backups']) {
        rmSync(place.path(name), { recursive: true })
        cpSync(place.path(`kept-${name}`), place.path(name), { recursive: true })
      }
    }
    const { stdout, calls } = await tendUnderShim('sync', place)
    expect(stdout).toContain('success')
    reset()
    const count = calls.filter(({ isCounted }) => isCounted).length
    const step = Math.max(1, Math.floor(count / POINTS))
    const counts = new Set<number>()
    for (let at = count; at > 0; at -= step) {
      const { signal } = await tendUnderShim('sync', place, { kind: 'kill' }, at)
      expect(signal, `killed at ${at}`).toBe('SIGKILL')
      counts.add(await restoreAll(place))
      expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
      expect(await restoreAll(place), `after a kill at ${at}`).toBe(2)
      reset()
    }
    expect(counts.size).toBeGreaterThan(1)
  },
  300_000,
)
