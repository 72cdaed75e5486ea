/** Packs at a target that no backup there relies on any more. */
import { cpSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { Database, type PacksCollected } from '../../src/index.ts'
import { buildLedger } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { succeeded } from '../support/product.ts'
import { backUp, commit, openBlocksPlace, packsIn, restoredFromFar } from './blocks-place.ts'
import { namesAt, type Place } from './place.ts'

/** As if they had been there for two days. */
function age(place: Place, names: readonly string[] = packsIn(place, 'far')): void {
  const then = new Date(Date.now() - 2 * 86_400_000)
  for (const name of names) utimesSync(place.path('far', name), then, then)
}

async function collected(place: Place): Promise<PacksCollected | null | undefined> {
  const cleaned = succeeded(await place.database().cleanupOldBackups({ target: 'far' }))
  return cleaned.targets[0]?.packs
}

test('a cleanup at a target deletes the packs that no backup there relies on, once they are a day old', async () => {
  const place = openBlocksPlace()
  const older = await backUp(place, true)
  const [first = ''] = packsIn(place, 'far')
  // Not one page of the older backup is left in the newer one.
  rmSync(place.databasePath)
  buildLedger(place.databasePath, { commits: 40, pageSize: 8192 })
  const newer = await backUp(place, true)
  const size = readFileSync(place.path('far', first)).length
  const order = { target: 'far', confirm: true } as const
  const deleted = succeeded(await place.database().deleteBackup(older, order))
  expect(deleted.packs).toMatchObject({ status: 'done', removedPacks: 0 })
  expect(packsIn(place, 'far')).toContain(first)
  age(place)
  expect(await collected(place)).toEqual({
    status: 'done',
    problem: null,
    freedBytes: size,
    removedPacks: 1,
    rewrittenPacks: 0,
  })
  expect(packsIn(place, 'far')).not.toContain(first)
  // Here it is needed.
  expect(packsIn(place, 'backups')).toContain(first)
  expect(await restoredFromFar(place, newer)).toBe(40)
})

test('packs of other databases at a target stay, and all do where one backup there cannot be read or is being copied', async () => {
  const place = openBlocksPlace()
  const older = await backUp(place, true)
  commit(place, 5)
  await backUp(place, true)
  const shop = place.path('shop.db')
  buildLedger(shop, { commits: 7, pageSize: 8192 })
  const other = new Database({
    path: shop,
    backupDir: place.path('shop-backups'),
    config: place.config,
    engine: 'here',
  })
  succeeded(await other.createBackup())
  const before = packsIn(place, 'far')
  age(place)
  const broken = place.path('far', 'weekly', 'else_backup_weekly_20250101_000000.db.blocks')
  mkdirSync(dirname(broken))
  writeFileSync(broken, 'no restore point')
  const order = { target: 'far', confirm: true, force: true } as const
  const deleted = succeeded(await place.database().deleteBackup(older, order))
  expect(deleted.packs).toMatchObject({ status: 'refused', freedBytes: 0, removedPacks: 0 })
  expect(deleted.packs?.problem).toContain('far:weekly/else_backup')
  rmSync(broken)
  for (const name of await namesAt(place, 'far')) succeeded(await place.database().deleteBackup(name, order))
  const mark = place.path(
    'far',
    'metadata',
    'else_backup_weekly_20250101_000000.db.blocks.json.copying-weekly',
  )
  expect(packsIn(place, 'far')).toHaveLength(1)
  // As before those deletions, with somebody at work.
  cpSync(place.path('backups', 'blocks'), place.path('far', 'blocks'), { recursive: true })
  expect(packsIn(place, 'far')).toEqual(before)
  age(place)
  writeFileSync(mark, 'somebody')
  expect(await collected(place)).toMatchObject({ status: 'busy', removedPacks: 0 })
  rmSync(mark)
  expect(await collected(place)).toMatchObject({ status: 'done', removedPacks: before.length - 1 })
  succeeded(await other.restoreBackup('latest', { target: 'far', to: place.path('shop-restored.db') }))
  expect(assertIntact(place.path('shop-restored.db')).commits).toBe(7)
})
