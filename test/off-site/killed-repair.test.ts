/** Repairs that are killed at changes they make in the backup directory or at a target, and several at once. */
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isFull } from '../faults/extent.ts'
import { type Event, type Run, SHIM_NEEDS } from '../faults/shim.ts'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { damageByte } from './damage-byte.ts'
import { makeBackups, namesAt, openPlace, type Place } from './place.ts'
import { tend } from './run-tend.ts'
import { POINTS as TARGET_POINTS, tendUnderShim } from './tend-killed.ts'

/** So many of the changes in the suite, spread over all of them, with the last ones among them. */
const POINTS = isFull ? Number.POSITIVE_INFINITY : 7

function repair(place: Place, event?: Event, at?: number): Promise<Run> {
  return tendUnderShim('repair', place, event, at, place.path('backups'))
}

/** Backups of which a bit is changed, the file, the metadata or packs are gone; and what these files should be. */
async function openSick(): Promise<{ place: Place; good: ReadonlyMap<string, Buffer> }> {
  const place = openPlace(['far'])
  const names = await makeBackups(place, 3)
  const connection = openDatabase(place.databasePath)
  commitToLedger(connection)
  connection.close()
  const made = succeeded(await place.database().createBackup({ encoding: 'blocks', copy: false }))
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  const packs = place.files('backups').filter(name => name.endsWith('.pack'))
  const [changed = '', gone = ''] = names.map(name => `manual/${name}`)
  const good = new Map(
    [changed, gone, `manual/${made.filename}`, ...packs].map(name => [
      name,
      readFileSync(place.path('backups', name)),
    ]),
  )
  damageByte(place.path('backups', changed), 5000)
  succeeded(await place.database().verifyBackup(names[0] ?? '', { record: true }))
  for (const name of [gone, ...packs]) rmSync(place.path('backups', name))
  rmSync(place.path('backups', 'metadata', `${names[2] ?? ''}.json`))
  return { place, good }
}

function whole(place: Place, good: ReadonlyMap<string, Buffer>): number {
  const same = [...good].filter(([name, bytes]) => {
    const path = place.path('backups', name)
    return existsSync(path) && readFileSync(path).equals(bytes)
  })
  return same.length
}

testWith(
  SHIM_NEEDS,
  'a repair that is killed at any change leaves each file as it was or whole, and the next one completes it',
  async () => {
    const { place, good } = await openSick()
    cpSync(place.path('backups'), place.path('kept'), { recursive: true })
    const before = new Map(
      [...good.keys()].flatMap(name => {
        const path = place.path('backups', name)
        return existsSync(path) ? [[name, readFileSync(path)] as const] : []
      }),
    )
    const reset = (): void => {
      rmSync(place.path('backups'), { recursive: true })
      cpSync(place.path('kept'), place.path('backups'), { recursive: true })
    }
    const { stdout, calls } = await repair(place)
    expect(stdout).toContain('success')
    expect(whole(place, good)).toBe(good.size)
    reset()
    const count = calls.filter(({ isCounted }) => isCounted).length
    const step = Math.max(1, Math.floor(count / POINTS))
    const counts = new Set<number>()
    for (let at = count; at > 0; at -= step) {
      const { signal } = await repair(place, { kind: 'kill' }, at)
      expect(signal, `killed at ${at}`).toBe('SIGKILL')
      for (const [name, bytes] of good) {
        const path = place.path('backups', name)
        const now = existsSync(path) ? readFileSync(path) : undefined
        const isOldOrNew =
          now === undefined ? !before.has(name) : now.equals(bytes) || before.get(name)?.equals(now)
        expect(isOldOrNew, `${name}, killed at ${at}`).toBe(true)
      }
      counts.add(whole(place, good))
      const next = succeeded(await place.database().repairBackups())
      expect(next.status, `after a kill at ${at}`).toBe('repaired')
      expect(whole(place, good)).toBe(good.size)
      expect(place.files('backups').filter(name => name.includes('.chame-work'))).toEqual([])
      const listed = await place.database().listBackups()
      expect(listed.map(({ metadataState }) => metadataState)).toEqual(['ok', 'ok', 'ok', 'ok'])
      for (const { metadata } of listed) expect(metadata).not.toHaveProperty('damaged_at')
      reset()
    }
    expect(counts.size).toBeGreaterThan(1)
  },
  300_000,
)

testWith(
  SHIM_NEEDS,
  'a repair at a target, by copies from another one, that is killed at any change leaves each file there as it was or whole',
  async () => {
    const place = openPlace(['far', 'farther'], { encoding: 'blocks' })
    const names = await makeBackups(place, 3)
    expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
    for (const name of names.slice(0, 2))
      succeeded(await place.database().deleteBackup(name, { confirm: true, force: true }))
    const [changed = '', undescribed = ''] = names
    const packs = place.files('far').filter(name => name.endsWith('.pack'))
    const broken = [`manual/${changed}`, ...packs]
    for (const key of broken) damageByte(place.path('far', key), 60)
    expect(succeeded(await place.database().verifyCopies()).status).toBe('damaged')
    rmSync(place.path('far', 'metadata', `${undescribed}.json`))
    cpSync(place.path('far'), place.path('kept'), { recursive: true })
    const before = new Map(broken.map(key => [key, readFileSync(place.path('far', key))]))
    const isMended = (key: string): boolean =>
      readFileSync(place.path('far', key)).equals(readFileSync(place.path('farther', key)))
    const reset = (): void => {
      rmSync(place.path('far'), { recursive: true })
      cpSync(place.path('kept'), place.path('far'), { recursive: true })
    }
    const { stdout, calls } = await tendUnderShim('repair', place)
    expect(stdout).toContain('success')
    expect(succeeded(await place.database().verifyCopies()).status).toBe('intact')
    const count = calls.filter(({ isCounted }) => isCounted).length
    const step = Math.max(1, Math.floor(count / TARGET_POINTS))
    const counts = new Set<number>()
    for (let at = count - 1; at > 0; at -= step) {
      reset()
      const { signal } = await tendUnderShim('repair', place, { kind: 'kill' }, at)
      expect(signal, `killed at ${at}`).toBe('SIGKILL')
      for (const key of broken) {
        const isOld = before.get(key)?.equals(readFileSync(place.path('far', key))) === true
        expect(isOld || isMended(key), `${key}, killed at ${at}`).toBe(true)
      }
      counts.add(broken.filter(isMended).length)
      const { backups } = succeeded(await place.database().repairBackups())
      expect(
        backups.map(({ status }) => status),
        `after a kill at ${at}`,
      ).not.toContain('failed')
      expect(broken.every(isMended)).toBe(true)
      expect(succeeded(await place.database().verifyCopies()).status).toBe('intact')
      expect(await namesAt(place, 'far')).toEqual(await namesAt(place, 'farther'))
    }
    expect(counts.size).toBeGreaterThan(1)
  },
  300_000,
)

test('repairs, a create and reading again, begun at once, leave everything whole', async () => {
  const { place, good } = await openSick()
  const operations = ['repair', 'repair', 'create', 'verifyCopies'] as const
  expect(await Promise.all(operations.map(operation => tend(place, operation)))).toEqual(
    operations.map(() => 'success'),
  )
  expect(whole(place, good)).toBe(good.size)
  expect(succeeded(await place.database().verifyStore()).status).toBe('intact')
  for (const { filename } of await place.database().listBackups())
    expect(succeeded(await place.database().verifyBackup(filename)).status).toBe('intact')
  expect(succeeded(await place.database().verifyCopies()).status).toBe('intact')
})
