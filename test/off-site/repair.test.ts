/** What is damaged or gone in the backup directory comes back from good copies, and nothing else takes its place. */
import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { generateKeys, type RepairedBackup } from '../../src/index.ts'
import { PackFile } from '../../src/blocks/pack-file.ts'
import { groupCount } from '../../src/blocks/pack-index.ts'
import { addWrongIndex, openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { damageByte } from './damage-byte.ts'
import { local, makeBackups, namesAt, openPlace, type Place, readJson } from './place.ts'

function commit(place: Place, times = 1): void {
  const connection = openDatabase(place.databasePath)
  for (let i = 0; i < times; i++) commitToLedger(connection)
  connection.close()
}

/** Backups of different content that are at every target; their file names, the oldest first. */
async function makeCopied(place: Place, count: number): Promise<string[]> {
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    names.push(...(await makeBackups(place, 1)))
    commit(place)
  }
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  return names
}

function here(place: Place, name: string): string {
  return join(place.backupDir, 'manual', name)
}

async function repaired(place: Place, ...backups: string[]): Promise<readonly RepairedBackup[]> {
  const result = succeeded(await place.database().repairBackups(backups.length === 0 ? {} : { backups }))
  const hasFailed = result.backups.some(({ status }) => status === 'failed') || result.failed.length > 0
  expect(result.status).toBe(hasFailed ? 'incomplete' : 'repaired')
  return result.backups
}

async function isIntact(place: Place, name: string): Promise<boolean> {
  return succeeded(await place.database().verifyBackup(name)).status === 'intact'
}

/** Nothing is left of what was fetched. */
function expectTidy(place: Place): void {
  expect(place.files('backups').filter(name => name.includes('.chame-'))).toEqual([])
}

const DAMAGES: Readonly<Record<string, (path: string) => void>> = {
  'with one bit changed': path => damageByte(path, 5000),
  'cut short': path => truncateSync(path, 5000),
  removed: path => rmSync(path),
  'removed with its directory': path => rmSync(dirname(path), { recursive: true }),
}

for (const [what, damage] of Object.entries(DAMAGES)) {
  test(`a backup that is ${what} comes back from a target, with the modes and the metadata that it had`, async () => {
    const place = openPlace(['far'], { fileMode: '0640' })
    const [name = ''] = await makeCopied(place, 1)
    const before = readFileSync(here(place, name))
    const metadata = readFileSync(join(place.backupDir, 'metadata', `${name}.json`))
    damage(here(place, name))
    expect(await repaired(place, name)).toEqual([
      {
        filename: name,
        at: null,
        status: 'repaired',
        from: 'far',
        metadata: false,
        packs: 0,
        bytes: before.length,
      },
    ])
    expect(readFileSync(here(place, name))).toEqual(before)
    expect(statSync(here(place, name)).mode & 0o777).toBe(0o640)
    expect(readFileSync(join(place.backupDir, 'metadata', `${name}.json`))).toEqual(metadata)
    expect(await isIntact(place, name)).toBe(true)
    expectTidy(place)
    expect(await repaired(place, name)).toMatchObject([{ status: 'intact', from: null, bytes: 0 }])
  })
}

test('without a name all that are known to be damaged, or gone, are repaired, and no longer called so', async () => {
  const place = openPlace()
  const [changed = '', cut = '', gone = '', whole = ''] = await makeCopied(place, 4)
  expect(await repaired(place)).toEqual([])
  damageByte(here(place, changed), 5000)
  truncateSync(here(place, cut), 100)
  rmSync(here(place, gone))
  succeeded(await place.database().verifyBackup(changed, { record: true }))
  const done = await repaired(place)
  expect(done.map(({ filename }) => filename).toSorted()).toEqual([changed, cut, gone].toSorted())
  expect(done.map(({ status }) => status)).toEqual(['repaired', 'repaired', 'repaired'])
  for (const { metadata } of await place.database().listBackups()) {
    expect(metadata).toMatchObject({ verified_at: expect.any(String) })
    expect(metadata).not.toHaveProperty('damaged_at')
  }
  for (const name of [changed, cut, gone, whole]) expect(await isIntact(place, name)).toBe(true)
})

test('what is as it was stored, and damaged, is not called intact: no copy is better', async () => {
  const place = openPlace()
  addWrongIndex(place.databasePath)
  const [name = ''] = await makeCopied(place, 1)
  expect(succeeded(await place.database().verifyBackup(name, { record: true })).status).toBe('damaged')
  expect(await repaired(place)).toMatchObject([
    { status: 'failed', code: 'BACKUP_DAMAGED', message: expect.stringContaining('as it was stored') },
  ])
  const [backup] = await place.database().listBackups()
  expect(backup?.metadata).toMatchObject({ verified_at: null, damaged_at: expect.any(String) })
})

test('what was found damaged, and somebody has put right, is called so once all of it was looked at', async () => {
  const place = openPlace()
  const [name = ''] = await makeCopied(place, 1)
  const whole = readFileSync(here(place, name))
  damageByte(here(place, name), 5000)
  succeeded(await place.database().verifyBackup(name, { record: true }))
  writeFileSync(here(place, name), whole)
  expect(await repaired(place)).toMatchObject([{ status: 'intact', from: null, bytes: 0 }])
  const [backup] = await place.database().listBackups()
  expect(backup?.metadata).toMatchObject({ verified_at: expect.any(String) })
  expect(backup?.metadata).not.toHaveProperty('damaged_at')
})

test('a tampered copy replaces nothing, and the next target that has a good one is asked', async () => {
  const place = openPlace(['bad', 'good'])
  const [name = ''] = await makeCopied(place, 1)
  const good = readFileSync(here(place, name))
  damageByte(place.path('bad', 'manual', name), 6000)
  damageByte(here(place, name), 5000)
  const damaged = readFileSync(here(place, name))
  const only = succeeded(await place.database().repairBackups({ backups: [name], target: 'bad' }))
  expect(only).toMatchObject({
    status: 'incomplete',
    backups: [{ status: 'failed', code: 'BACKUP_DAMAGED', message: expect.stringContaining('bad: ') }],
  })
  expect(readFileSync(here(place, name))).toEqual(damaged)
  // What was found damaged on the way is put right as well.
  expect(await repaired(place, name)).toMatchObject([
    { at: null, status: 'repaired', from: 'good' },
    { at: 'bad', status: 'repaired', from: null },
  ])
  expect(readFileSync(here(place, name))).toEqual(good)
  expect(readFileSync(place.path('bad', 'manual', name))).toEqual(good)
})

test('a copy whose metadata was changed to fit it replaces nothing', async () => {
  const place = openPlace()
  const [name = '', other = ''] = await makeCopied(place, 2)
  copyFileSync(place.path('far', 'manual', other), place.path('far', 'manual', name))
  const { checksum, file_size } = readJson(place.path('far', 'metadata', `${other}.json`))
  const metadata = place.path('far', 'metadata', `${name}.json`)
  writeFileSync(metadata, JSON.stringify({ ...readJson(metadata), checksum, file_size }))
  damageByte(here(place, name), 5000)
  expect(await repaired(place, name)).toMatchObject([
    { status: 'failed', code: 'BACKUP_DAMAGED', message: expect.stringContaining('in another form') },
  ])
})

test('what no target has, or none can be asked for, stays as it is, with the reason', async () => {
  const place = openPlace(['far', '!away'])
  const [name = ''] = await makeBackups(place, 1)
  damageByte(here(place, name), 5000)
  const damaged = readFileSync(here(place, name))
  expect(await repaired(place, name)).toMatchObject([
    { status: 'failed', code: 'TARGET_UNREACHABLE', message: expect.stringContaining('far: it has none') },
  ])
  expect(readFileSync(here(place, name))).toEqual(damaged)
  failedWith('BACKUP_NOT_FOUND', await place.database().repairBackups({ backups: ['no.db'] }))
  failedWith('INVALID_ARGUMENT', await place.database().repairBackups({ target: 'nowhere' }))
  const copied = place.path('app_backup_manual_20250627_020000.db')
  copyFileSync(place.databasePath, copied)
  failedWith('BACKUP_NOT_FOUND', await place.database().repairBackups({ backups: [copied] }))
  copyFileSync(place.databasePath, here(place, 'app_backup_manual_20250627_020000.db'))
  expect(await repaired(place, 'app_backup_manual_20250627_020000.db')).toMatchObject([
    { status: 'failed', code: 'METADATA_INVALID' },
  ])
  place.configure({})
  failedWith('INVALID_ARGUMENT', await place.database().repairBackups({ backups: [name] }))
})

test('what a backup was repaired to is counted by retention as it was before', async () => {
  const place = openPlace()
  const names = await makeCopied(place, 3)
  for (const name of names.slice(0, 2)) rmSync(here(place, name))
  await repaired(place)
  const [, second = 0, third = 0] = names.map(name => statSync(here(place, name)).size)
  const retention = { types: { manual: { maxSize: second + third } } }
  place.configure({ targets: { far: local('far') }, retention })
  const cleaned = succeeded(await place.database().cleanupOldBackups())
  expect(cleaned.deleted.map(({ backup }) => backup.filename)).toEqual([names[0]])
  // What is deleted is deleted: nothing brings it back.
  expect(await repaired(place)).toEqual([])
})

const BLOCKS = { encoding: 'blocks' } as const

function packs(place: Place, where: string): string[] {
  return place.files(where).filter(name => name.endsWith('.pack'))
}

/** Three backups of pages with packs in common, at `far`. */
async function openBlocks(more: object = {}): Promise<{ place: Place; names: string[] }> {
  const place = openPlace(['far'], { ...BLOCKS, ...more }, { commits: 20 })
  const names = await makeCopied(place, 3)
  expect(packs(place, 'backups').length).toBeGreaterThan(1)
  return { place, names }
}

async function damagedInStore(place: Place): Promise<string[]> {
  const { problems } = succeeded(await place.database().verifyStore())
  return [
    ...new Set(problems.flatMap(({ hurts }) => hurts.map(hurt => hurt.split('/').at(-1) ?? ''))),
  ].toSorted()
}

const PACK_DAMAGES: readonly ((path: string) => void)[] = [
  path => rmSync(path),
  path => damageByte(path, 400),
  path => truncateSync(path, 100),
]

test('a pack that is lost, changed or cut comes back, and every backup that it hurt is whole again', async () => {
  const { place, names } = await openBlocks()
  for (const [pack, damage] of damagedInTurn(place)) {
    damage(place.path('backups', pack))
    const [hurt = ''] = await damagedInStore(place)
    expect(names).toContain(hurt)
    expect(await repaired(place, hurt)).toMatchObject([{ status: 'repaired', from: null, packs: 1 }])
    expect(await damagedInStore(place)).toEqual([])
  }
  for (const name of names) expect(await isIntact(place, name)).toBe(true)
  expectTidy(place)
})

/** Each pack with one of the damages, and each damage with one of the packs. */
function damagedInTurn(place: Place): [pack: string, damage: (path: string) => void][] {
  const all = packs(place, 'backups')
  expect(all.length).toBe(PACK_DAMAGES.length)
  return all.map((pack, index) => [pack, PACK_DAMAGES[index] as (path: string) => void])
}

test('without a name, backups of pages that lack a pack are found and repaired, and a file with its packs', async () => {
  const { place, names } = await openBlocks()
  for (const pack of packs(place, 'backups')) rmSync(place.path('backups', pack))
  writeFileSync(here(place, names[0] ?? ''), 'no restore point')
  rmSync(here(place, names[1] ?? ''))
  const done = await repaired(place)
  expect(done.map(({ filename }) => filename).toSorted()).toEqual(names.toSorted())
  expect(await damagedInStore(place)).toEqual([])
  for (const [index, name] of names.entries()) {
    const to = place.path(`${index}.db`)
    succeeded(await place.database().restoreBackup(name, { to }))
    expect(assertIntact(to).commits).toBe(20 + index)
  }
})

test('of a pack that is damaged here and there, in other places, one is made that is whole', async () => {
  const place = openPlace(['far'], BLOCKS, { commits: 20 })
  commit(place, 300)
  const [name = ''] = await makeCopied(place, 1)
  const [pack = ''] = packs(place, 'backups')
  const before = readFileSync(place.path('backups', pack))
  const [first, last] = groupsAt(place.path('backups', pack))
  damageByte(place.path('backups', pack), first)
  damageByte(place.path('far', pack), last)
  expect(await damagedInStore(place)).toEqual([name])
  expect(await repaired(place, name)).toMatchObject([{ status: 'repaired', packs: 1 }])
  expect(readFileSync(place.path('backups', pack))).toEqual(before)
  // Where both have lost the same, nothing is replaced.
  damageByte(place.path('backups', pack), last)
  const damaged = readFileSync(place.path('backups', pack))
  expect(await repaired(place, name)).toMatchObject([{ status: 'failed', code: 'BACKUP_DAMAGED' }])
  expect(readFileSync(place.path('backups', pack))).toEqual(damaged)
})

/** Where the first and the last group of a pack lie in its file. */
function groupsAt(path: string): [number, number] {
  using pack = PackFile.open(path, basename(path, '.pack'))
  const count = groupCount(pack.index)
  expect(count).toBeGreaterThan(1)
  const bytes = readFileSync(path)
  return [bytes.indexOf(pack.readRaw(0)), bytes.indexOf(pack.readRaw(count - 1))]
}

test("a pack of another's content is put in no pack's place", async () => {
  const { place, names } = await openBlocks()
  const [one = '', other = ''] = packs(place, 'far')
  copyFileSync(place.path('far', other), place.path('far', one))
  rmSync(place.path('backups', one))
  const hurt = await damagedInStore(place)
  expect(await repaired(place, hurt[0] ?? '')).toMatchObject([
    { status: 'failed', code: 'BACKUP_DAMAGED', packs: 0 },
  ])
  expect(existsSync(place.path('backups', one))).toBe(false)
  expect(names).toEqual(expect.arrayContaining(hurt))
})

for (const isOpened of [true, false]) {
  test(`encrypted packs are read again, and repaired, ${isOpened ? 'with' : 'without'} a key`, async () => {
    const keys = temporaryDirectory()
    const output = join(keys, 'key.txt')
    const { recipient } = succeeded(await generateKeys({ output }))
    const encryption = { recipients: [recipient], ...(isOpened ? { identities: [{ file: output }] } : {}) }
    const { place, names } = await openBlocks({ encryption })
    const [pack = ''] = packs(place, 'backups')
    damageByte(place.path('far', pack), 400)
    const found = succeeded(await place.database().verifyCopies())
    expect(found.targets).toMatchObject([{ problems: [{ code: 'damaged', path: `far:${pack}` }] }])
    expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
    expect(succeeded(await place.database().verifyCopies()).status).toBe('intact')
    // Its key, and what is behind it.
    for (const at of [20, 400]) damageByte(place.path('backups', pack), at)
    const [hurt = ''] = await damagedInStore(place)
    expect(await repaired(place, hurt)).toMatchObject([{ status: 'repaired', packs: 1 }])
    expect(await damagedInStore(place)).toEqual([])
    for (const name of names) {
      const verified = await place.database().verifyBackup(name, { identity: output })
      expect(succeeded(verified)).toMatchObject({ status: 'intact', lookedAt: 'image' })
    }
  })
}

test('packs at the target are read again, name the backups that they hurt, and are mended by the next sync', async () => {
  const { place } = await openBlocks()
  const intact = succeeded(await place.database().verifyCopies())
  const objects = 3 + packs(place, 'far').length
  expect(intact).toMatchObject({ status: 'intact', targets: [{ backups: 3, objects, readObjects: objects }] })
  for (const [pack, damage] of damagedInTurn(place)) {
    damage(place.path('far', pack))
    const found = succeeded(await place.database().verifyCopies())
    expect(found).toMatchObject({
      status: 'damaged',
      targets: [{ problems: [{ code: 'damaged', path: `far:${pack}` }] }],
    })
    const hurt = found.targets[0]?.problems[0]?.hurts.toSorted()
    // Just those that it would hurt here.
    renameSync(place.path('backups', pack), place.path('kept'))
    expect(await damagedInStore(place)).toEqual(hurt)
    renameSync(place.path('kept'), place.path('backups', pack))
    const synced = succeeded(await place.database().syncTargets())
    expect(synced).toMatchObject({ status: 'synced' })
    expect(synced.targets[0]?.copied.toSorted()).toEqual(hurt)
    expect(succeeded(await place.database().verifyCopies())).toMatchObject({ status: 'intact' })
  }
  expect(await namesAt(place, 'far')).toHaveLength(3)
})
