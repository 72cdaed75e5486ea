/** What a target has altered or lost since: found when it is read again, told, and replaced by the next sync. */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BackupError, type CopiesAtTarget, type CopyProblem } from '../../src/index.ts'
import { openConfigured } from '../../src/operations/open-configured.ts'
import { syncTargets } from '../../src/operations/sync-targets.ts'
import { verifyCopies } from '../../src/operations/verify-copies.ts'
import { contextOf } from '../support/operation.ts'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { damageByte } from './damage-byte.ts'
import { local, makeBackups, namesAt, openPlace, type Place, readJson } from './place.ts'

/** Two backups, of different content, that are copied to `far`; their file names, the older one first. */
async function openCopied(place: Place): Promise<[string, string]> {
  const [older = ''] = await makeBackups(place, 1)
  const connection = openDatabase(place.databasePath)
  commitToLedger(connection)
  connection.close()
  const [newer = ''] = await makeBackups(place, 1)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  return [older, newer]
}

async function readAgain(place: Place, request: { sample?: string } = {}): Promise<CopiesAtTarget> {
  const { targets } = succeeded(await place.database().verifyCopies({ target: 'far', ...request }))
  return targets[0] as CopiesAtTarget
}

async function problems(place: Place): Promise<readonly Pick<CopyProblem, 'code' | 'path'>[]> {
  const found = await readAgain(place)
  return found.problems.map(({ code, path }) => ({ code, path }))
}

async function synced(place: Place): Promise<readonly string[]> {
  const done = succeeded(await place.database().syncTargets({ target: 'far' }))
  expect(done.status).toBe('synced')
  return done.targets[0]?.copied ?? []
}

/** The file name of what the newest sync put beside others. */
async function besides(place: Place, names: readonly string[]): Promise<string> {
  return (await namesAt(place, 'far')).find(name => !names.includes(name)) ?? ''
}

function expectSame(place: Place, name: string, there = name): void {
  expect(readFileSync(place.path('far', 'manual', there))).toEqual(
    readFileSync(join(place.backupDir, 'manual', name)),
  )
}

test('copies that are what was put there are found intact, and that is noted with each backup', async () => {
  const place = openPlace(['far', 'farther'])
  const names = await openCopied(place)
  const before = place.files('far')
  const verified = succeeded(await place.database().verifyCopies())
  expect(verified).toMatchObject({
    status: 'intact',
    targets: [
      {
        name: 'far',
        status: 'intact',
        backups: 2,
        objects: 2,
        readObjects: 2,
        problems: [],
        unreadSince: null,
      },
      { name: 'farther', status: 'intact', readObjects: 2 },
    ],
  })
  expect(verified.targets[0]?.readBytes).toBe(verified.targets[0]?.bytes)
  for (const { metadata } of await place.database().listBackups()) {
    const at = expect.any(String)
    expect(metadata?.copies).toMatchObject({ far: { verified_at: at }, farther: { verified_at: at } })
  }
  expect(place.files('far')).toEqual(before)
  expect(await namesAt(place, 'far')).toEqual(names.toReversed())
  const info = succeeded(await place.database().info())
  expect(info.targets).toMatchObject([{ target: 'far', damaged: 0, verifiedAt: expect.any(String) }, {}])
})

const DAMAGES: Readonly<Record<string, (path: string, place: Place, names: [string, string]) => void>> = {
  'with one bit changed': path => damageByte(path, 5000),
  'cut short': path => truncateSync(path, 5000),
  "swapped with another backup's": (path, place, [older]) =>
    copyFileSync(place.path('far', 'manual', older), path),
  removed: path => rmSync(path),
}

for (const [what, damage] of Object.entries(DAMAGES)) {
  test(`a copy that is ${what} is found, told, and replaced by the next sync`, async () => {
    const place = openPlace()
    const names = await openCopied(place)
    const [, newer] = names
    damage(place.path('far', 'manual', newer), place, names)
    const code = what === 'removed' ? 'missing' : 'damaged'
    expect(await problems(place)).toEqual([{ code, path: `far:manual/${newer}` }])
    if (code === 'damaged') {
      const [listed] = await place.database().listBackups()
      expect(listed).toMatchObject({ filename: newer, copies: [] })
      expect(listed?.metadata?.copies).toMatchObject({ far: { damaged_at: expect.any(String) } })
      const info = succeeded(await place.database().info())
      expect(info.targets).toMatchObject([{ target: 'far', count: 1, lacking: 1, damaged: 1 }])
      // Until it is replaced it is told again, also by a run in which it is not read.
      for (let run = 0; run < 2; run++) {
        const part = await readAgain(place, { sample: '1/100' })
        expect(part).toMatchObject({ status: 'damaged', readObjects: 1 })
        expect(part.problems.map(({ hurts }) => hurts)).toEqual([[newer]])
      }
    }
    expect(await synced(place)).toEqual([newer])
    expectSame(place, newer)
    expect(await problems(place)).toEqual([])
    const [listed] = await place.database().listBackups()
    expect(listed).toMatchObject({ copies: ['far'] })
    expect(listed?.metadata?.copies?.['far']).not.toHaveProperty('damaged_at')
    expect(await synced(place)).toEqual([])
  })
}

test('a copy with metadata that was changed to fit what is there now is replaced together with it', async () => {
  const place = openPlace()
  const [older, newer] = await openCopied(place)
  // Its own size, so that nothing shows in a listing.
  const path = place.path('far', 'manual', newer)
  damageByte(path, 5000)
  const metadata = place.path('far', 'metadata', `${newer}.json`)
  const checksum = createHash('sha256').update(readFileSync(path)).digest('hex')
  writeFileSync(metadata, JSON.stringify({ ...readJson(metadata), checksum }))
  expect(await problems(place)).toEqual([{ code: 'damaged', path: `far:manual/${newer}` }])
  expect(await synced(place)).toEqual([newer])
  expectSame(place, newer)
  expect(readJson(metadata)['checksum']).not.toBe(checksum)
  expect(await problems(place)).toEqual([])
  expect(await namesAt(place, 'far')).toEqual([newer, older])
})

test('a copy that was replaced by an older one is missed, and copied beside what is there', async () => {
  const place = openPlace()
  const [older, newer] = await openCopied(place)
  for (const [directory, suffix] of [
    ['manual', ''],
    ['metadata', '.json'],
  ] as const) {
    const at = (name: string): string => place.path('far', directory, `${name}${suffix}`)
    copyFileSync(at(older), at(newer))
  }
  expect(await problems(place)).toEqual([{ code: 'missing', path: `far:manual/${newer}` }])
  expect(await synced(place)).toEqual([newer])
  expectSame(place, newer, await besides(place, [older, newer]))
  expect(await problems(place)).toEqual([])
})

test('metadata that cannot be read there is told until there is another copy', async () => {
  const place = openPlace()
  const [, newer] = await openCopied(place)
  writeFileSync(place.path('far', 'metadata', `${newer}.json`), '{"timestamp":')
  expect(await problems(place)).toEqual([
    { code: 'missing', path: `far:manual/${newer}` },
    { code: 'damaged', path: `far:metadata/${newer}.json` },
  ])
  expect(await synced(place)).toEqual([newer])
  expect(await problems(place)).toEqual([])
})

test('a backup that is only at the target any more is read again, and noted there', async () => {
  const place = openPlace()
  const [older, newer] = await openCopied(place)
  rmSync(join(place.backupDir, 'manual', older))
  rmSync(join(place.backupDir, 'metadata', `${older}.json`))
  expect(await problems(place)).toEqual([])
  const verified = readJson(place.path('far', 'metadata', `${older}.json`))['verified_at']
  const path = place.path('far', 'manual', older)
  const bytes = readFileSync(path)
  damageByte(path, 5000)
  expect(await problems(place)).toEqual([{ code: 'damaged', path: `far:manual/${older}` }])
  expect(readJson(place.path('far', 'metadata', `${older}.json`))).toMatchObject({
    verified_at: null,
    damaged_at: expect.any(String),
  })
  // Nobody can replace it. Somebody brings it back by other means.
  expect(await synced(place)).toEqual([])
  expect(await problems(place)).toEqual([{ code: 'damaged', path: `far:manual/${older}` }])
  writeFileSync(path, bytes)
  expect(await problems(place)).toEqual([])
  const again = readJson(place.path('far', 'metadata', `${older}.json`))
  expect(again).not.toHaveProperty('damaged_at')
  expect(String(again['verified_at']) > String(verified)).toBe(true)
  // Its file alone goes.
  rmSync(path)
  expect(await problems(place)).toEqual([{ code: 'missing', path: `far:metadata/${older}.json` }])
  expect(await namesAt(place, 'far')).toEqual([newer])
})

test('what was deleted there on purpose, or is cleaned up there, is not missed', async () => {
  const place = openPlace()
  const [older, newer] = await openCopied(place)
  succeeded(await place.database().deleteBackup(older, { target: 'far', confirm: true }))
  expect(await problems(place)).toEqual([])
  const retention = { types: { manual: { keepLast: 1 } } }
  const next = await makeBackups(place, 1)
  await synced(place)
  place.configure({ targets: { far: local('far', { retention }) } })
  succeeded(await place.database().cleanupOldBackups({ target: 'far' }))
  expect(await namesAt(place, 'far')).toEqual(next)
  expect(await problems(place)).toEqual([])
  expect(existsSync(place.path('far', 'manual', newer))).toBe(false)
})

test('where what is damaged cannot be replaced the copy gets another name, and that is told no longer', async () => {
  const place = openPlace()
  const [older, newer] = await openCopied(place)
  damageByte(place.path('far', 'manual', newer), 5000)
  await problems(place)
  const held = place.path('far', 'manual', newer)
  const config = { targets: { far: local('far') } }
  const context = contextOf({ path: place.databasePath, config })
  const locked = {
    ...context,
    openTarget: async (name: string) => {
      const target = await openConfigured(context.settings, name, {})
      const put: typeof target.put = async (key, content, options) => {
        if (key === `manual/${newer}`) throw new BackupError('OBJECT_LOCKED', `It is locked: ${key}`, {})
        await target.put(key, content, options)
      }
      return { ...target, put, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() }
    },
  }
  const before = readFileSync(held)
  expect((await syncTargets({}, locked)).targets).toMatchObject([{ status: 'synced', copied: [newer] }])
  expect(readFileSync(held)).toEqual(before)
  expectSame(place, newer, await besides(place, [older, newer]))
  expect(await problems(place)).toEqual([])
  expect((await syncTargets({}, locked)).targets).toMatchObject([{ copied: [] }])
})

test('each is read within the time, a part of them a run, and those first that were read longest ago', async () => {
  const place = openPlace()
  const names = await makeBackups(place, 4)
  await synced(place)
  let at = Date.now()
  const config = { targets: { far: local('far') } }
  const reads = async (request: { within: string }): Promise<string[]> => {
    const keys: string[] = []
    const context = contextOf({ path: place.databasePath, config, now: () => new Date(at) })
    const openTarget = async (name: string) => {
      const target = await openConfigured(context.settings, name, {})
      const get: typeof target.get = (key, options) => {
        if (key.startsWith('manual/')) keys.push(key.slice('manual/'.length))
        return target.get(key, options)
      }
      return { ...target, get, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() }
    }
    expect((await verifyCopies(request, { ...context, openTarget })).status).toBe('intact')
    return keys
  }
  const seen: string[][] = []
  for (let day = 0; day < 9; day++) {
    seen.push(await reads({ within: '4d' }))
    at += 86_400_000
  }
  const all = seen.flat()
  expect(new Set(all.slice(0, 4))).toEqual(new Set(names))
  expect(Math.max(...seen.map(each => each.length))).toBeLessThan(3)
  for (const name of names) {
    const days = seen.flatMap((each, day) => (each.includes(name) ? [day] : []))
    expect(days[0]).toBeLessThanOrEqual(5)
    for (const [index, day] of days.entries())
      if (index > 0) expect(day - (days[index - 1] ?? 0)).toBeLessThanOrEqual(5)
  }
})

test('copies that were read under a clock which ran ahead are read again as if they had not been', async () => {
  const place = openPlace()
  await openCopied(place)
  const backups = await place.database().listBackups()
  const putAt = backups.map(({ metadata }) => metadata?.copies?.['far']?.at ?? '').toSorted()
  const start = Date.now()
  const day = (number: number): Date => new Date(start + number * 86_400_000)
  const readOn = async (now: Date, request: { within?: string; sample?: string }): Promise<unknown> => {
    const config = { targets: { far: local('far') } }
    const context = contextOf({ path: place.databasePath, config, now: () => now })
    return (await verifyCopies(request, context)).targets[0]
  }
  expect(await readOn(day(1095), {})).toMatchObject({ readObjects: 2 })
  expect(await readOn(day(20), { sample: '1/100' })).toMatchObject({
    status: 'intact',
    readObjects: 1,
    unreadSince: putAt[1],
  })
  const within = '30d'
  const unreadSince = day(20).toISOString()
  expect(await readOn(day(40), { within })).toMatchObject({ readObjects: 1, unreadSince })
  expect(await readOn(day(60), { within })).toMatchObject({ readObjects: 1 })
})

test('a damaged copy that is cleaned up there is damaged no longer', async () => {
  const place = openPlace()
  const [older] = await openCopied(place)
  damageByte(place.path('far', 'manual', older), 5000)
  expect(await problems(place)).toEqual([{ code: 'damaged', path: `far:manual/${older}` }])
  place.configure({ targets: { far: local('far', { retention: { types: { manual: { keepLast: 1 } } } }) } })
  succeeded(await place.database().cleanupOldBackups({ target: 'far' }))
  expect(await synced(place)).toEqual([])
  expect(await problems(place)).toEqual([])
  const info = succeeded(await place.database().info())
  expect(info.targets).toMatchObject([{ count: 1, lacking: 1, damaged: 0 }])
})

test('a machine that has nothing but the configuration reads what lies there, and keeps nothing of it', async () => {
  const place = openPlace()
  await openCopied(place)
  rmSync(place.backupDir, { recursive: true })
  const context = contextOf({ path: place.databasePath, config: { targets: { far: local('far') } } })
  const { targets } = await verifyCopies({}, context)
  expect(targets).toMatchObject([{ status: 'intact', backups: 2, readObjects: 2 }])
  expect(existsSync(place.backupDir)).toBe(false)
})

test('a target that is away is told, and what the others have is read all the same', async () => {
  const place = openPlace(['far', 'farther'])
  await openCopied(place)
  renameSync(place.path('farther'), place.path('away'))
  const verified = succeeded(await place.database().verifyCopies())
  expect(verified).toMatchObject({
    status: 'incomplete',
    targets: [
      { name: 'far', status: 'intact', readObjects: 2 },
      { name: 'farther', status: 'failed', failure: { code: 'TARGET_UNREACHABLE' } },
    ],
  })
})

test('what makes no sense is refused', async () => {
  const place = openPlace()
  for (const request of [
    { within: 'soon' },
    { within: '0s' },
    { time: 'long' },
    { sample: '0%' },
    { sample: '5%', within: '3d' },
    { target: 'nowhere' },
  ])
    failedWith('INVALID_ARGUMENT', await place.database().verifyCopies(request))
  place.configure({})
  expect(succeeded(await place.database().verifyCopies())).toMatchObject({ status: 'intact', targets: [] })
})
