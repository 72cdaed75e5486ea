/** Backups that are stored by their pages, at targets. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Database } from '../../src/index.ts'
import { openConfigured } from '../../src/operations/open-configured.ts'
import { syncTargets } from '../../src/operations/sync-targets.ts'
import type { Target } from '../../src/storage/target.ts'
import { assertIntact } from '../support/intact.ts'
import { contextOf } from '../support/operation.ts'
import { succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { backUp, BLOCKS, commit, openBlocksPlace, packsIn, restoredFromFar } from './blocks-place.ts'
import { local, type Place } from './place.ts'

function contentOf(place: Place, where: string): Map<string, Buffer> {
  return new Map(packsIn(place, where).map(name => [name, readFileSync(place.path(where, name))]))
}

/** Syncs, and says which keys were put. */
async function keysPut(
  place: Place,
  beforePut: (key: string) => void = () => {},
  beforeGet: (key: string) => void = () => {},
): Promise<string[]> {
  const config = { ...BLOCKS, targets: { far: local('far') } }
  const context = contextOf({ path: place.databasePath, config })
  const keys: string[] = []
  const openTarget = async (name: string): Promise<Target> => {
    const target = await openConfigured(context.settings, name, {})
    return {
      ...target,
      put: (key, content, options) => {
        beforePut(key)
        keys.push(key)
        return target.put(key, content, options)
      },
      get: (key, options) => {
        beforeGet(key)
        return target.get(key, options)
      },
    }
  }
  expect((await syncTargets({}, { ...context, openTarget })).status).toBe('synced')
  context.sqlite.kill()
  return keys.toSorted()
}

test('a machine that has nothing but the configuration works with backups of pages at a target', async () => {
  const place = openBlocksPlace()
  const first = await backUp(place, true)
  commit(place, 5)
  const second = await backUp(place, true)
  expect(packsIn(place, 'far')).toEqual(packsIn(place, 'backups'))
  const bare = temporaryDirectory()
  writeFileSync(join(bare, 'config.json'), JSON.stringify({ targets: { far: local(place.path('far')) } }))
  rmSync(place.path('backups'), { recursive: true })
  const database = new Database({
    path: join(bare, 'app.db'),
    backupDir: join(bare, 'backups'),
    config: join(bare, 'config.json'),
    engine: 'here',
  })
  for (const [backup, commits] of [
    ['latest', 25],
    [second, 25],
    [first, 20],
  ] as const) {
    const to = join(bare, `${backup}-new.db`)
    const restored = succeeded(await database.restoreBackup(backup, { target: 'far', to }))
    expect(restored).toMatchObject({ comparison: 'equal', way: 'replace' })
    expect(assertIntact(to).commits).toBe(commits)
  }
  const order = { target: 'far' } as const
  expect(succeeded(await database.verifyBackup(first, order))).toMatchObject({
    status: 'intact',
    lookedAt: 'image',
  })
  expect(succeeded(await database.drillBackup({ backup: first, ...order })).status).toBe('passed')
  const output = join(bare, 'out.json')
  expect(succeeded(await database.exportData({ from: first, output, ...order })).tables['accounts']).toBe(97)
  // What was fetched for all that is gone again.
  expect(readdirSync(join(bare, 'backups')).filter(name => name.startsWith('.chame-work'))).toEqual([])
})

test('a second backup sends only its new packs, and a sync of many sends each pack once', async () => {
  const place = openBlocksPlace()
  const [one, two, three] = [
    await backUp(place, false),
    (commit(place, 3), await backUp(place, false)),
    (commit(place, 3), await backUp(place, false)),
  ]
  const packs = packsIn(place, 'backups')
  expect(await keysPut(place)).toEqual(
    [...packs, ...[one, two, three].map(name => `manual/${name}`)].toSorted(),
  )
  commit(place, 3)
  const four = await backUp(place, false)
  const added = packsIn(place, 'backups').filter(name => !packs.includes(name))
  expect(added).toHaveLength(1)
  expect(await keysPut(place)).toEqual([...added, `manual/${four}`].toSorted())
  expect(await keysPut(place)).toEqual([])
  expect(await restoredFromFar(place, four)).toBe(29)
})

test('packs that a cleanup here has written anew stay as they are at a target, where older backups rely on them', async () => {
  const place = openBlocksPlace()
  const older = await backUp(place, true)
  commit(place, 10)
  const newer = await backUp(place, true)
  const before = contentOf(place, 'far')
  const deleted = succeeded(await place.database().deleteBackup(older, { confirm: true }))
  expect(deleted.packs?.rewrittenPacks).toBeGreaterThan(0)
  commit(place, 5)
  // The older one's name may be free here, and is taken there.
  const [copied] = succeeded(await place.database().createBackup()).targets
  const newest = copied?.filename ?? ''
  succeeded(await place.database().syncTargets())
  const after = contentOf(place, 'far')
  for (const [name, bytes] of before) expect(after.get(name)?.equals(bytes), name).toBe(true)
  expect(await restoredFromFar(place, older)).toBe(20)
  expect(await restoredFromFar(place, newer)).toBe(30)
  expect(await restoredFromFar(place, newest)).toBe(35)
})

test('a pack that was copied when it was shortened gets the pages that a backup needs which is copied later', async () => {
  const place = openBlocksPlace()
  const older = await backUp(place, false)
  commit(place, 10)
  const newer = await backUp(place, false)
  cpSync(place.backupDir, place.path('kept'), { recursive: true })
  const deleted = succeeded(await place.database().deleteBackup(older, { confirm: true }))
  expect(deleted.packs?.rewrittenPacks).toBeGreaterThan(0)
  succeeded(await place.database().syncTargets())
  expect(await restoredFromFar(place, newer)).toBe(30)
  // As on another machine whose database was the same, or where the same pages were stored once more.
  rmSync(place.backupDir, { recursive: true })
  cpSync(place.path('kept'), place.backupDir, { recursive: true })
  succeeded(await place.database().syncTargets())
  expect(await restoredFromFar(place, older)).toBe(20)
  expect(await restoredFromFar(place, newer)).toBe(30)
})

test("a pack that another machine's cleanup deletes while a backup is copied is put again before the backup is there", async () => {
  const place = openBlocksPlace()
  const older = await backUp(place, true)
  const [pack = ''] = packsIn(place, 'far')
  const order = { target: 'far', confirm: true, force: true } as const
  succeeded(await place.database().deleteBackup(older, order))
  commit(place, 5)
  const newer = await backUp(place, false)
  const own = `manual/${newer}`
  const added = packsIn(place, 'backups').filter(name => name !== pack)
  const keys = await keysPut(place, key => {
    if (key === own) rmSync(place.path('far', pack))
  })
  expect(keys).toEqual([...added, pack, own].toSorted())
  expect(await restoredFromFar(place, newer)).toBe(25)
})

test('a pack that another machine puts while backups are copied is not taken for a damaged one', async () => {
  const place = openBlocksPlace()
  const older = await backUp(place, true)
  const [pack = ''] = packsIn(place, 'far')
  const full = readFileSync(place.path('far', pack))
  commit(place, 10)
  const newer = await backUp(place, false)
  const deleted = succeeded(await place.database().deleteBackup(older, { confirm: true }))
  expect(deleted.packs?.rewrittenPacks).toBeGreaterThan(0)
  const short = readFileSync(place.path('backups', pack))
  expect(short.length).toBeLessThan(full.length)
  // Seen short, and whole when it is looked into.
  writeFileSync(place.path('far', pack), short)
  const [own, added] = [`manual/${newer}`, packsIn(place, 'backups').filter(name => name !== pack)]
  const keys = await keysPut(
    place,
    () => {},
    key => {
      if (key === pack) writeFileSync(place.path('far', pack), full)
    },
  )
  expect(keys).toEqual([...added, own].toSorted())
  expect(readFileSync(place.path('far', pack)).equals(full)).toBe(true)
  expect(await restoredFromFar(place, older)).toBe(20)
  expect(await restoredFromFar(place, newer)).toBe(30)
})

test('where nothing is kept here, a backup of pages goes from one target to another with its packs', async () => {
  const place = openBlocksPlace()
  const older = await backUp(place, true)
  commit(place, 5)
  await backUp(place, true)
  rmSync(place.backupDir, { recursive: true })
  mkdirSync(place.path('farther'))
  const targets = { far: local('far'), farther: local('farther') }
  place.configure({ encoding: 'plain', keepLocal: false, timeZone: 'UTC', targets })
  const synced = succeeded(await place.database().syncTargets())
  expect(synced.status).toBe('synced')
  expect(synced.targets.map(({ copied }) => copied.length)).toEqual([0, 2])
  expect(place.files('farther')).toEqual(place.files('far'))
  for (const name of packsIn(place, 'far'))
    expect(readFileSync(place.path('farther', name))).toEqual(readFileSync(place.path('far', name)))
  const order = { target: 'farther', to: place.path('new.db') }
  succeeded(await place.database().restoreBackup(older, order))
  expect(assertIntact(place.path('new.db')).commits).toBe(20)
  expect(place.files('backups')).toEqual([])
})
