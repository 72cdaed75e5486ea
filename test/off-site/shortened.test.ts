/** Packs at a target that a cleanup writes anew without what is dead in them. */
import {
  cpSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { deadPageBytes } from '../../src/blocks/choose-packs.ts'
import { readLivePages, type Slots } from '../../src/blocks/live-pages.ts'
import { PackFile } from '../../src/blocks/pack-file.ts'
import { metadataKey } from '../../src/catalog/target-keys.ts'
import { describeCleanup } from '../../src/cli/describe-cleanup.ts'
import { BackupError } from '../../src/errors.ts'
import { generateKeys } from '../../src/index.ts'
import { collectAtTarget } from '../../src/operations/collect-at-target.ts'
import { restoreBackup } from '../../src/operations/restore-backup.ts'
import { syncTargets } from '../../src/operations/sync-targets.ts'
import type { Target } from '../../src/storage/target.ts'
import { openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { succeeded } from '../support/product.ts'
import {
  collected,
  forget,
  type HalfDead,
  marksAt,
  openHalfDead,
  packsAt,
  restoreAll,
  ROW_BYTES,
  sync,
} from './half-dead.ts'
import { before, contextDuring } from './meanwhile.ts'
import { local, namesAt, type Place } from './place.ts'

/** Bytes that the packs at the target have. */
function packBytes(place: Place): number {
  return packsAt(place).reduce((sum, name) => sum + statSync(place.path('far', name)).size, 0)
}

function contentAt({ place, pack }: HalfDead): Buffer {
  return readFileSync(place.path('far', pack))
}

test('a cleanup at a target gives back nine tenths of what is dead in packs that live, and every backup restores', async () => {
  const scene = await openHalfDead()
  const { place, newer } = scene
  const bytes = packBytes(place)
  const cleaned = succeeded(await place.database().cleanupOldBackups({ target: 'far' }))
  const packs = cleaned.targets[0]?.packs
  expect(packs).toMatchObject({ status: 'done', problem: null, removedPacks: 0, rewrittenPacks: 1 })
  const freedBytes = packs?.freedBytes ?? 0
  expect(freedBytes).toBeGreaterThan(0.9 * 360 * ROW_BYTES)
  expect(packBytes(place)).toBe(bytes - freedBytes)
  expect(marksAt(place)).toEqual([])
  expect(await restoreAll(place)).toEqual([newer])
  expect(succeeded(await place.database().verifyBackup(newer, { target: 'far' })).status).toBe('intact')
  // Nobody takes the shorter one for damaged, and there is nothing left to give back.
  expect(await sync(scene)).toMatchObject({ status: 'synced', bytes: 0 })
  expect(await collected(scene, {}, { days: 3 })).toMatchObject({ status: 'done', rewrittenPacks: 0 })
  expect(place.files('backups').filter(name => name.includes('.chame-work'))).toEqual([])
  const view = { now: new Date(), width: 80, paint: (_: unknown, text: string) => text }
  expect(describeCleanup(cleaned, view)).toContain('Given back in blocks/')
})

test('what is dead in a pack stays while it is less than a fifth of it, while the pack is young, and where a single backup is deleted', async () => {
  const little = await openHalfDead({ changed: [50] })
  expect(await collected(little)).toMatchObject({ status: 'done', problem: null, rewrittenPacks: 0 })
  const scene = await openHalfDead({ isOlderThere: true })
  const bytes = packBytes(scene.place)
  const order = { target: 'far', confirm: true } as const
  const deleted = succeeded(await scene.place.database().deleteBackup(scene.older, order))
  expect(deleted.packs).toMatchObject({ status: 'done', rewrittenPacks: 0, freedBytes: 0 })
  for (const name of packsAt(scene.place)) utimesSync(scene.place.path('far', name), new Date(), new Date())
  expect(await collected(scene)).toMatchObject({ status: 'done', rewrittenPacks: 0 })
  expect(packBytes(scene.place)).toBe(bytes)
})

test('all packs that are dead for the most part are written anew in one run', async () => {
  const scene = await openHalfDead({ changed: [300, 200] })
  const bytes = packBytes(scene.place)
  const answer = await collected(scene)
  expect(answer).toMatchObject({ status: 'done', problem: null, removedPacks: 0, rewrittenPacks: 2 })
  expect(answer?.freedBytes).toBeGreaterThan(0.9 * 500 * ROW_BYTES)
  expect(packBytes(scene.place)).toBe(bytes - (answer?.freedBytes ?? 0))
  expect(await restoreAll(scene.place)).toEqual([scene.newer])
})

test('with the last 30 backups kept, each of which has changed anywhere, nine tenths of what is dead is given back', async () => {
  const scene = await openHalfDead({ changed: [] })
  const { place } = scene
  const connection = openDatabase(place.databasePath)
  let freedBytes = 0
  for (let round = 1; round <= 42; round++) {
    // Rows anywhere, others each time, and the same in every run.
    connection.exec(
      `UPDATE filler SET content = randomblob(${ROW_BYTES}) WHERE (id * 7919 + ${round} * 104729) % 400 < 24`,
    )
    const made = await place.database().createBackup({ check: 'none' })
    expect(made.success).toBe(true)
    if (round < 30) continue
    const [oldest = ''] = (await namesAt(place, 'far')).toReversed()
    succeeded(await place.database().deleteBackup(oldest, { target: 'far', confirm: true, force: true }))
    for (const name of packsAt(place)) utimesSync(place.path('far', name), new Date(0), new Date(0))
    freedBytes += (await collected(scene))?.freedBytes ?? 0
  }
  connection.close()
  const points = place.files('far').filter(name => name.endsWith('.blocks'))
  expect(points).toHaveLength(30)
  const { packs } = await readLivePages(
    points.map(name => place.path('far', name)),
    { mayBeDeleted: false },
  )
  let deadBytes = 0
  for (const key of packsAt(place)) {
    using pack = PackFile.open(place.path('far', key), basename(key, '.pack'))
    deadBytes += deadPageBytes(pack.index, packs.get(pack.id) as Slots)
  }
  expect(freedBytes / (freedBytes + deadBytes)).toBeGreaterThan(0.9)
})

test('of encrypted packs whole groups are given back, without a key', async () => {
  const { identity, recipient } = succeeded(await generateKeys())
  const scene = await openHalfDead({ config: { encryption: { recipients: [recipient] } } })
  const { place, newer } = scene
  const bytes = packBytes(place)
  const answer = await collected(scene)
  expect(answer).toMatchObject({ status: 'done', problem: null, rewrittenPacks: 1 })
  expect(answer?.freedBytes).toBeGreaterThan(0.8 * 360 * ROW_BYTES)
  expect(packBytes(place)).toBe(bytes - (answer?.freedBytes ?? 0))
  writeFileSync(place.path('key.txt'), identity ?? '', { mode: 0o600 })
  expect(await restoreAll(place, place.path('key.txt'))).toEqual([newer])
})

test('a backup that is copied later has the pages put again that a cleanup has dropped', async () => {
  const scene = await openHalfDead({ isOlderThere: true })
  const { place, older, newer } = scene
  forget(scene)
  expect(await collected(scene)).toMatchObject({ status: 'done', rewrittenPacks: 1 })
  expect(await sync(scene)).toMatchObject({ status: 'synced', copied: [older] })
  expect(await restoreAll(place)).toEqual([newer, older])
  // What is needed again stays, however old it is.
  expect(await collected(scene, {}, { days: 3 })).toMatchObject({ status: 'done', rewrittenPacks: 0 })
  expect(await restoreAll(place)).toEqual([newer, older])
})

test('where nothing may be deleted nothing is written anew', async () => {
  const scene = await openHalfDead()
  const { place, config } = scene
  const bytes = contentAt(scene)
  place.configure({ ...config, targets: { far: local('far', { appendOnly: true }) } })
  const cleaned = succeeded(await place.database().cleanupOldBackups({ target: 'far' }))
  expect(cleaned.targets).toMatchObject([{ status: 'skipped', packs: null }])
  expect(contentAt(scene).equals(bytes)).toBe(true)
})

/** A target that is asked what it can, and answers so. */
async function collectedAt(scene: HalfDead, change: (target: Target) => Partial<Target>) {
  const { place, config } = scene
  const context = contextDuring(place, {}, { config })
  await using target = await context.openTarget('far')
  return await collectAtTarget({ ...target, ...change(target) }, { isShortening: true }, context)
}

test('where packs cannot be replaced in one step, or not be deleted, they stay, and the answer says why', async () => {
  const scene = await openHalfDead()
  const bytes = contentAt(scene)
  const stays = { status: 'done', problem: expect.stringContaining('as long as one page'), rewrittenPacks: 0 }
  const inTwoSteps = await collectedAt(scene, target => ({
    async put(key, content, options) {
      if (options.inOneStep === true) throw new BackupError('TARGET_REFUSED', 'in two steps only')
      await target.put(key, content, options)
    },
  }))
  expect(inTwoSteps).toMatchObject(stays)
  const forbidden = await collectedAt(scene, () => ({
    delete: async () => {
      throw new BackupError('OBJECT_LOCKED', 'not deleted')
    },
  }))
  expect(forbidden).toMatchObject(stays)
  const away = await collectedAt(scene, () => ({
    delete: async () => {
      throw new BackupError('TARGET_UNREACHABLE', 'far is away')
    },
  }))
  expect(away).toMatchObject({ status: 'failed', problem: 'far is away', rewrittenPacks: 0 })
  // Asking rclone would take a program's start for each pack; docs/targets.md says it.
  expect(await collectedAt(scene, () => ({ kind: 'rclone' }))).toMatchObject({
    problem: null,
    rewrittenPacks: 0,
  })
  expect(contentAt(scene).equals(bytes)).toBe(true)
})

test('packs in a bucket that keeps what is put there are not put again', async () => {
  const scene = await openHalfDead()
  const { place, config } = scene
  const objectLock = { mode: 'GOVERNANCE', days: 30 } as const
  const secretAccessKey = { env: 'NOBODY_ASKS_FOR_IT' }
  const far = { kind: 's3', bucket: 'b', accessKeyId: 'a', secretAccessKey, objectLock } as const
  const locked = { ...config, targets: { far } }
  const { openTarget } = contextDuring(place, {}, { config })
  await using target = await openTarget('far')
  const context = contextDuring(place, {}, { config: locked })
  const answer = await collectAtTarget(target, { isShortening: true }, context)
  expect(answer).toMatchObject({
    status: 'done',
    problem: expect.stringContaining('locked'),
    rewrittenPacks: 0,
  })
})

test.for<[string, (path: string) => void, string | null]>([
  ['has a live page damaged', path => flip(path, -1), 'is damaged'],
  ['has its names damaged', path => flip(path, statSync(path).size - 4_000), 'is damaged'],
  ['says nothing that can be read', path => writeFileSync(path, 'x'.repeat(5_000)), null],
  ['is too short to be a pack', path => writeFileSync(path, 'x'), null],
  ['is larger than any pack can be', path => truncateSync(path, 2 ** 28), null],
])('a pack at a target that %s stays as it is', async ([, act, problem]) => {
  const scene = await openHalfDead()
  const path = scene.place.path('far', scene.pack)
  act(path)
  const then = new Date(Date.now() - 2 * 86_400_000)
  utimesSync(path, then, then)
  const { size } = statSync(path)
  const answer = await collected(scene)
  expect(answer).toMatchObject({ status: 'done', rewrittenPacks: 0 })
  expect(answer?.problem ?? null).toEqual(problem === null ? null : expect.stringContaining(problem))
  expect(statSync(path).size).toBe(size)
})

/** Changes a byte; -1: of the last group, which lives. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  // Names (20 bytes a page), bits and figures of the groups stand behind the last group.
  const from = at === -1 ? bytes.length - Math.ceil(bytes.readUInt32LE(bytes.length - 52) * 20.7) - 600 : at
  writeFileSync(path, bytes.with(from, (bytes[from] ?? 0) ^ 1))
}

test.for(['get', 'get again'])(
  'a pack that another machine deletes meanwhile (%s) is not put again',
  async call => {
    const scene = await openHalfDead()
    const { place, pack } = scene
    const answer = await collected(
      scene,
      before('get', pack, () => rmSync(place.path('far', pack)), call === 'get' ? 1 : 2),
    )
    expect(answer).toMatchObject({ status: 'done', rewrittenPacks: 0 })
    expect(existsSync(place.path('far', pack))).toBe(false)
  },
)

test('a target that goes away while a pack is looked into, fetched or put gives back nothing, and loses nothing', async () => {
  const scene = await openHalfDead()
  const { place, pack } = scene
  const bytes = contentAt(scene)
  for (const [call, nth] of [
    ['get', 1],
    ['get', 2],
    ['put', 1],
  ] as const) {
    const away = before(
      call,
      pack,
      () => {
        throw new BackupError('TARGET_UNREACHABLE', 'far is away')
      },
      nth,
    )
    expect(await collected(scene, away)).toMatchObject({ status: 'failed', rewrittenPacks: 0 })
    expect(contentAt(scene).equals(bytes)).toBe(true)
    // Nobody knows whether a server does after all what it was asked for.
    expect(marksAt(place)).toHaveLength(call === 'put' ? 1 : 0)
  }
  expect(await collected(scene, {}, { days: 2 })).toMatchObject({ status: 'done', rewrittenPacks: 1 })
  expect(marksAt(place)).toEqual([])
  await restoreAll(place)
})

test('a backup that somebody begins to copy before packs are put keeps them as they are', async () => {
  const scene = await openHalfDead()
  const { place, newer } = scene
  const bytes = contentAt(scene)
  const mark = place.path('far', `${metadataKey(`new_${newer}`)}.copying-manual`)
  const answer = await collected(
    scene,
    before('list', '', () => writeFileSync(mark, 'somebody'), 2),
  )
  expect(answer).toMatchObject({ status: 'busy', rewrittenPacks: 0 })
  expect(contentAt(scene).equals(bytes)).toBe(true)
  expect(marksAt(place)).toEqual([])
})

test('a backup that comes before packs are put has all of its pages', async () => {
  const scene = await openHalfDead({ isOlderThere: true })
  const { place, older, newer } = scene
  const aside = place.path('aside')
  cpSync(place.path('far'), aside, { recursive: true })
  forget(scene)
  const answer = await collected(
    scene,
    before('list', '', () => cpSync(aside, place.path('far'), { recursive: true }), 2),
  )
  expect(answer).toMatchObject({ status: 'done', rewrittenPacks: 0, freedBytes: 0 })
  expect(await restoreAll(place)).toEqual([newer, older])
})

test('backups that come before packs are deleted keep theirs', async () => {
  const scene = await openHalfDead({ isOlderThere: true })
  const { place, older, newer } = scene
  const aside = place.path('aside')
  cpSync(place.path('far'), aside, { recursive: true })
  for (const name of [older, newer]) rmSync(place.path('far', `manual/${name}`))
  const answer = await collected(
    scene,
    before('list', '', () => cpSync(aside, place.path('far'), { recursive: true }), 2),
  )
  expect(answer).toMatchObject({ status: 'done', removedPacks: 0, freedBytes: 0 })
  expect(await restoreAll(place)).toEqual([newer, older])
})

test('a cleanup that was suspended for more than a day after it had looked changes nothing', async () => {
  const scene = await openHalfDead()
  const { place, config, pack } = scene
  const bytes = contentAt(scene)
  let days = 0
  const meanwhile = before('list', '', () => (days = 2), 2)
  const now = (): Date => new Date(Date.now() + days * 86_400_000)
  const context = contextDuring(place, meanwhile, { config, now })
  await using target = await context.openTarget('far')
  const request = { isShortening: true }
  expect(await collectAtTarget(target, request, context)).toMatchObject({ status: 'done', rewrittenPacks: 0 })
  expect(contentAt(scene).equals(bytes)).toBe(true)
  expect(packsAt(place)).toContain(pack)
})

test.for(['get', 'put'] as const)(
  'a cleanup that is cancelled while it writes packs anew (%s) loses nothing',
  async call => {
    const scene = await openHalfDead()
    const cancelling = new AbortController()
    const meanwhile = before(call, scene.pack, () => cancelling.abort(), call === 'get' ? 2 : 1)
    const collecting = collected(scene, meanwhile, { signal: cancelling.signal })
    await expect(collecting).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await restoreAll(scene.place)).toEqual([scene.newer])
  },
)

test('two cleanups at once give the space back, and every backup restores', async () => {
  const scene = await openHalfDead()
  const { place, newer } = scene
  const bytes = packBytes(place)
  const answers = await Promise.all([collected(scene), collected(scene)])
  for (const answer of answers) expect(answer).toMatchObject({ status: 'done', problem: null })
  expect(packBytes(place)).toBeLessThan(bytes - 0.9 * 360 * ROW_BYTES)
  expect(marksAt(place)).toEqual([])
  expect(await restoreAll(place)).toEqual([newer])
})

/** Collects, and waits for something else just before the pack is put. */
async function collectedWhile(scene: HalfDead, act: () => Promise<void>) {
  return await collectedAt(scene, target => ({
    async put(key, content, options) {
      if (key === scene.pack) await act()
      await target.put(key, content, options)
    },
  }))
}

test('a backup that is copied while packs are put that lack what it needs is not there before it is whole', async () => {
  const scene = await openHalfDead({ isOlderThere: true })
  const { place, older, newer } = scene
  forget(scene)
  const answer = await collectedWhile(scene, async () => {
    const synced = await sync(scene)
    expect(synced).toMatchObject({ failed: [{ filename: older, code: 'CATALOG_LOCKED' }] })
    expect(await restoreAll(place)).toEqual([newer])
  })
  expect(answer).toMatchObject({ status: 'done', rewrittenPacks: 1 })
  expect(await sync(scene)).toMatchObject({ status: 'synced', copied: [older] })
  expect(await restoreAll(place)).toEqual([newer, older])
})

test('a backup whose pages all stay is copied while packs are put', async () => {
  const scene = await openHalfDead()
  const { place, newer } = scene
  const answer = await collectedWhile(scene, async () => {
    const made = succeeded(await place.database().createBackup())
    expect(made.targets).toMatchObject([{ status: 'copied' }])
  })
  expect(answer).toMatchObject({ status: 'done', rewrittenPacks: 1 })
  const names = await restoreAll(place)
  expect(names).toHaveLength(2)
  expect(names).toContain(newer)
})

test('a backup whose file is missing at the target is whole again, although its pages are dropped while it is mended', async () => {
  const scene = await openHalfDead({ isOlderThere: true })
  const { place, older, newer, config } = scene
  // Its metadata stays: no mark says that somebody is at work on it.
  rmSync(place.path('far', `manual/${older}`))
  const context = contextDuring(place, {}, { config })
  let isShort = false
  const openTarget = async (name: string): Promise<Target> => {
    const target = await context.openTarget(name)
    return {
      ...target,
      async put(key, content, options) {
        if (key === `manual/${older}`) isShort = (await collected(scene))?.rewrittenPacks === 1
        await target.put(key, content, options)
      },
    }
  }
  expect((await syncTargets({}, { ...context, openTarget })).status).toBe('synced')
  context.sqlite.kill()
  expect(isShort).toBe(true)
  expect(await restoreAll(place)).toEqual([newer, older])
})

test('a backup whose pack is written anew while it is fetched is fetched with the new one', async () => {
  const scene = await openHalfDead()
  const { place, pack, newer, config } = scene
  const full = contentAt(scene)
  expect(await collected(scene)).toMatchObject({ rewrittenPacks: 1 })
  const short = contentAt(scene)
  writeFileSync(place.path('far', pack), full)
  const meanwhile = before('get', pack, () => {
    writeFileSync(place.path('far', pack), short)
    throw new BackupError('OBJECT_DAMAGED', 'it was replaced while it was being read')
  })
  const context = contextDuring(place, meanwhile, { config })
  const to = place.path('restored.db')
  await restoreBackup({ backup: newer, target: 'far', to }, context)
  context.sqlite.kill()
  assertIntact(to)
})
