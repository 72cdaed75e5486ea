/** Backups that are stored by their pages, at targets. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { Database, type PacksCollected } from '../../src/index.ts'
import { openConfigured } from '../../src/operations/open-configured.ts'
import { syncTargets } from '../../src/operations/sync-targets.ts'
import type { Target } from '../../src/storage/target.ts'
import { buildLedger, openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { contextOf } from '../support/operation.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { local, namesAt, openPlace, type Place, readJson } from './place.ts'

const BLOCKS = { encoding: 'blocks' } as const

function openBlocksPlace(): Place {
  return openPlace(['far'], BLOCKS, { commits: 20 })
}

function commit(place: Place, times: number): void {
  const connection = openDatabase(place.databasePath)
  for (let i = 0; i < times; i++) commitToLedger(connection)
  connection.close()
}

/** Makes a backup; returns its file name. */
async function backUp(place: Place, copy: boolean): Promise<string> {
  return succeeded(await place.database().createBackup({ copy })).filename
}

function packsIn(place: Place, where: string): string[] {
  return place.files(where).filter(name => name.endsWith('.pack'))
}

function contentOf(place: Place, where: string): Map<string, Buffer> {
  return new Map(packsIn(place, where).map(name => [name, readFileSync(place.path(where, name))]))
}

/** Restores a backup of the target; returns how many commits it has. */
async function restoredFromFar(place: Place, name: string): Promise<number> {
  const to = place.path('restored.db')
  rmSync(to, { force: true })
  const restored = succeeded(await place.database().restoreBackup(name, { target: 'far', to }))
  expect(restored).toMatchObject({ comparison: 'equal', backup: { target: 'far' } })
  return assertIntact(to).commits
}

/** As if they had been there for two days. */
function age(place: Place, names: readonly string[] = packsIn(place, 'far')): void {
  const then = new Date(Date.now() - 2 * 86_400_000)
  for (const name of names) utimesSync(place.path('far', name), then, then)
}

async function collected(place: Place): Promise<PacksCollected | null | undefined> {
  const cleaned = succeeded(await place.database().cleanupOldBackups({ target: 'far' }))
  return cleaned.targets[0]?.packs
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

test('a pack that is damaged in the backup directory is copied nowhere', async () => {
  const place = openBlocksPlace()
  const name = await backUp(place, false)
  const [pack = ''] = packsIn(place, 'backups')
  const bytes = readFileSync(place.path('backups', pack))
  writeFileSync(place.path('backups', pack), bytes.with(100, (bytes[100] ?? 0) ^ 1))
  const synced = succeeded(await place.database().syncTargets())
  expect(synced.targets).toMatchObject([{ copied: [], failed: [{ filename: name, code: 'BACKUP_DAMAGED' }] }])
  expect(packsIn(place, 'far')).toEqual([])
  expect(await namesAt(place, 'far')).toEqual([])
})

const DAMAGE: readonly (readonly [string, (place: Place, pack: string, point: string) => void])[] = [
  ['a byte of a pack is another', (place, pack) => change(place, pack, bytes => flip(bytes, 100))],
  [
    "a byte of a pack's index is another",
    (place, pack) => change(place, pack, bytes => flip(bytes, bytes.length - 100)),
  ],
  ['a pack is cut short', (place, pack) => change(place, pack, bytes => bytes.subarray(0, 500))],
  ['a pack is empty', (place, pack) => change(place, pack, () => Buffer.alloc(0))],
  ['a pack is missing', (place, pack) => rmSync(place.path('far', pack))],
  ['a byte of its own file is another', (place, _, point) => change(place, point, bytes => flip(bytes, 80))],
]

function change(place: Place, name: string, act: (bytes: Buffer) => Uint8Array): void {
  const path = place.path('far', name)
  writeFileSync(path, act(readFileSync(path)))
}

function flip(bytes: Buffer, at: number): Uint8Array {
  return bytes.with(at, (bytes[at] ?? 0) ^ 1)
}

test.for(DAMAGE)(
  'at a target %s: nothing is touched, a verification names it, and a sync mends it',
  async ([what, damage]) => {
    const place = openBlocksPlace()
    const name = await backUp(place, true)
    const [pack = ''] = packsIn(place, 'far')
    damage(place, pack, `manual/${name}`)
    commit(place, 5)
    const before = readFileSync(place.databasePath)
    const order = { target: 'far', confirm: true }
    const failure = failedWith('OBJECT_DAMAGED', await place.database().restoreBackup(name, order))
    expect(failure.message).toContain(what.includes('own file') ? 'SHA-256' : `far:${pack}`)
    failedWith(
      'OBJECT_DAMAGED',
      await place.database().restoreBackup(name, { target: 'far', to: place.path('new.db') }),
    )
    expect(existsSync(place.path('new.db'))).toBe(false)
    expect(readFileSync(place.databasePath)).toEqual(before)
    expect(place.files('backups').filter(each => each.startsWith('pre_restore'))).toEqual([])
    const verified = succeeded(await place.database().verifyBackup(name, { target: 'far', record: true }))
    expect(verified).toMatchObject({ status: 'damaged', recorded: true })
    expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [name] }])
    expect(await restoredFromFar(place, name)).toBe(20)
    expect(readJson(place.path('far', 'metadata', `${name}.json`))['damaged_at']).toBeUndefined()
  },
)

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
