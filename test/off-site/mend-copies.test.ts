/** What is damaged at one target is put right from another one, or from the backup directory. */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { expect, test } from 'vitest'
import { type Config, generateKeys } from '../../src/index.ts'
import { syncTargets } from '../../src/operations/sync-targets.ts'
import { SSHD_NEEDS, startSshd } from '../storage/servers/sshd.ts'
import { openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { damageByte } from './damage-byte.ts'
import { contextDuring } from './meanwhile.ts'
import { local, makeBackups, namesAt, openPlace, type Place, readJson } from './place.ts'
import {
  BOTH,
  commit,
  expectSame,
  makeGone,
  metadataPath,
  openBoth,
  repairAll,
  repaired,
  statusOfCopies,
} from './two-targets.ts'

const ENCODED: readonly (readonly [string, (place: Place) => Promise<Config>])[] = [
  ['zstd', async () => ({ encoding: 'zstd' })],
  ['blocks', async () => ({ encoding: 'blocks' })],
  [
    'blocks, encrypted to a key that is elsewhere',
    async place => {
      const { recipient } = succeeded(await generateKeys({ output: place.path('key.txt') }))
      return { encoding: 'blocks', encryption: { recipients: [recipient] } }
    },
  ],
]

for (const [form, configOf] of ENCODED) {
  test(`a copy that is damaged at one target comes from another one, where it is nowhere else any more: ${form}`, async () => {
    const place = openBoth()
    place.configure({ ...BOTH, timeZone: 'UTC', ...(await configOf(place)) })
    const name = await makeGone(place)
    const [pack] = place.files('far').filter(key => key.endsWith('.pack'))
    damageByte(place.path('far', 'manual', name), 60)
    if (pack !== undefined) damageByte(place.path('far', pack), 400)
    expect(await statusOfCopies(place)).toBe('damaged')
    expect(await repaired(place)).toEqual([
      {
        filename: name,
        at: 'far',
        status: 'repaired',
        from: 'farther',
        metadata: false,
        packs: pack === undefined ? 0 : 1,
        bytes: expect.any(Number),
      },
    ])
    expectSame(place, `manual/${name}`)
    if (pack !== undefined) expectSame(place, pack)
    expect(readJson(metadataPath(place, 'far', name))).not.toHaveProperty('damaged_at')
    expect(await statusOfCopies(place)).toBe('intact')
    expect(await repaired(place)).toEqual([])
    expect(place.files('backups').filter(key => key.includes('.chame-'))).toEqual([])
    const to = place.path('restored.db')
    const identity = existsSync(place.path('key.txt')) ? { identity: place.path('key.txt') } : {}
    succeeded(await place.database().restoreBackup(name, { target: 'far', to, ...identity }))
    expect(assertIntact(to).commits).toBe(20)
  })
}

for (const keepLocal of [true, false]) {
  test(`a sync does so by itself, ${keepLocal ? 'also with what the backup directory has deleted' : 'where nothing is kept here'}`, async () => {
    const place = openBoth({ encoding: 'zstd', keepLocal })
    const made = succeeded(await place.database().createBackup()).filename
    if (keepLocal) succeeded(await place.database().deleteBackup(made, { confirm: true, force: true }))
    damageByte(place.path('far', 'manual', made), 60)
    expect(await statusOfCopies(place)).toBe('damaged')
    const { targets } = succeeded(await place.database().syncTargets())
    expect(targets).toMatchObject([
      { name: 'far', status: 'synced', copied: [made] },
      { name: 'farther', status: 'synced', copied: [] },
    ])
    expectSame(place, `manual/${made}`)
    expect(await statusOfCopies(place)).toBe('intact')
  })
}

test('what is damaged here and at one target comes from the other one, in both places', async () => {
  const place = openBoth()
  const [name = ''] = await makeBackups(place, 1)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  for (const where of ['backups', 'far']) damageByte(place.path(where, 'manual', name), 5000)
  truncateSync(place.path('far', 'manual', name), 5000)
  // Without a repair of what is here first.
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  expectSame(place, `manual/${name}`)
  truncateSync(place.path('far', 'manual', name), 5000)
  expect(await repaired(place, name)).toMatchObject([
    { at: null, status: 'repaired', from: 'farther' },
    { at: 'far', status: 'repaired', from: null },
  ])
  expectSame(place, `manual/${name}`)
  expect(readFileSync(place.path('backups', 'manual', name))).toEqual(
    readFileSync(place.path('far', 'manual', name)),
  )
})

testWith(
  SSHD_NEEDS,
  'a copy on an SSH server of what is damaged here has no byte of that: all come from another target',
  async () => {
    await using server = await startSshd()
    const place = openPlace()
    const connection = openDatabase(place.databasePath)
    // More than is sent between two flushes, so that what was sent first would be gone on with.
    connection.exec('CREATE TABLE large (bytes); INSERT INTO large VALUES (randomblob(10000000))')
    connection.close()
    const { filename } = succeeded(await place.database().createBackup({ encoding: 'plain' }))
    damageByte(place.path('backups', 'manual', filename), 5_000_000)
    mkdirSync(place.path('box'))
    place.configure({ targets: { far: local('far'), box: server.config(place.path('box')) } })
    expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([
      { name: 'far', copied: [] },
      { name: 'box', status: 'synced', copied: [filename] },
    ])
    const [there, good] = ['box', 'far'].map(at => readFileSync(place.path(at, 'manual', filename)))
    expect(there?.equals(good ?? Buffer.of())).toBe(true)
  },
)

test('a copy whose file is gone at a target, with nobody else but another target to have it, is put again', async () => {
  const place = openBoth()
  const name = await makeGone(place)
  rmSync(place.path('far', 'manual', name))
  expect(await repaired(place, name)).toMatchObject([{ at: 'far', status: 'repaired', from: 'farther' }])
  expectSame(place, `manual/${name}`)
  expect(await repaired(place, name)).toEqual([])
})

test('a tampered copy replaces nothing at a target, and a third one that is good does', async () => {
  const place = openPlace(['far', 'farther', 'farthest'])
  const name = await makeGone(place)
  damageByte(place.path('far', 'manual', name), 5000)
  expect(await statusOfCopies(place)).toBe('damaged')
  damageByte(place.path('farther', 'manual', name), 6000)
  const before = readFileSync(place.path('far', 'manual', name))
  const only = succeeded(await place.database().repairBackups({ target: 'farther' }))
  expect(only).toMatchObject({
    status: 'incomplete',
    backups: [{ at: 'far', status: 'failed', code: 'OBJECT_DAMAGED', from: null }],
    failed: [],
  })
  expect(readFileSync(place.path('far', 'manual', name))).toEqual(before)
  expect(await repaired(place)).toMatchObject([{ at: 'far', status: 'repaired', from: 'farthest' }])
  expect(readFileSync(place.path('far', 'manual', name))).toEqual(
    readFileSync(place.path('farthest', 'manual', name)),
  )
})

test('a copy with metadata that was changed to fit it is no source for another target', async () => {
  const place = openBoth()
  const name = await makeGone(place)
  damageByte(place.path('far', 'manual', name), 5000)
  expect(await statusOfCopies(place)).toBe('damaged')
  const path = place.path('farther', 'manual', name)
  damageByte(path, 6000)
  const checksum = createHash('sha256').update(readFileSync(path)).digest('hex')
  const metadata = metadataPath(place, 'farther', name)
  writeFileSync(metadata, JSON.stringify({ ...readJson(metadata), checksum }))
  const before = place.files('far')
  expect(await repairAll(place)).toMatchObject({
    status: 'incomplete',
    backups: [{ filename: name, at: 'far', status: 'failed', code: 'OBJECT_DAMAGED' }],
  })
  expect(succeeded(await place.database().syncTargets({ target: 'far' })).targets).toMatchObject([
    { copied: [expect.not.stringContaining(name)] },
  ])
  expect(place.files('far').filter(key => key.startsWith('manual/')).length).toBe(2)
  expect(before.every(key => place.files('far').includes(key))).toBe(true)
})

test('a target that is away is told, and the others are repaired', async () => {
  const place = openPlace(['far', 'farther', '!away'])
  const [name = ''] = await makeBackups(place, 1)
  expect(succeeded(await place.database().syncTargets()).status).toBe('incomplete')
  truncateSync(place.path('far', 'manual', name), 100)
  expect(await repairAll(place)).toMatchObject({
    status: 'incomplete',
    backups: [{ filename: name, at: 'far', status: 'repaired', from: null }],
    failed: [{ name: 'away', code: 'TARGET_UNREACHABLE' }],
  })
  expectSame(place, `manual/${name}`)
})

test('of a backup of pages only the packs that a target lacks are brought here from the other one', async () => {
  const config = { ...BOTH, encoding: 'blocks', keepLocal: false, timeZone: 'UTC' } as const
  const place = openBoth(config)
  succeeded(await place.database().createBackup())
  commit(place)
  succeeded(await place.database().createBackup({ copy: false }))
  const packs = (where: string): string[] => place.files(where).filter(key => key.endsWith('.pack'))
  const lacking = packs('far').filter(key => !packs('farther').includes(key))
  expect(lacking).toHaveLength(1)
  const whole: string[] = []
  const context = contextDuring(
    place,
    {
      // Looking into what is there goes no further than its end.
      after(call, key) {
        if (call === 'put' && key.endsWith('.pack')) whole.push(key)
      },
    },
    { config },
  )
  expect((await syncTargets({}, context)).status).toBe('synced')
  context.sqlite.kill()
  expect(whole).toEqual(lacking)
  expect(packs('farther')).toEqual(packs('far'))
  expect(await statusOfCopies(place)).toBe('intact')
  // A pack that is damaged at the source is put nowhere.
  const [pack = ''] = lacking
  rmSync(place.path('farther', pack))
  damageByte(place.path('far', pack), 100)
  for (const key of place.files('farther')) utimesSync(place.path('farther', key), new Date(0), new Date(0))
  const [newest = ''] = await namesAt(place, 'farther')
  truncateSync(place.path('farther', 'manual', newest), 10)
  expect(await repaired(place)).toMatchObject([
    { filename: newest, at: 'farther', status: 'failed', code: 'OBJECT_DAMAGED' },
  ])
  rmSync(place.path('far', pack))
  const failures = [await repaired(place)]
  // Nor is anything taken by what a changed file says.
  damageByte(place.path('far', 'manual', newest), 60)
  failures.push(await repaired(place))
  const [message = '', changed = ''] = failures.map(([failure]) => failure?.message ?? '')
  expect(message).toContain(`A pack is missing, or has another size than packs have: far:${pack}`)
  expect(changed).toContain('SHA-256')
  expect(existsSync(place.path('farther', pack))).toBe(false)
})

test('a copy is mended by its name, also where nothing here has that name, or it has another number there', async () => {
  const place = openBoth()
  const name = await makeGone(place)
  truncateSync(place.path('far', 'manual', name), 100)
  failedWith('BACKUP_NOT_FOUND', await place.database().repairBackups({ backups: ['no'] }))
  const nowhere = 'app_backup_manual_20200101_000000.db'
  failedWith('BACKUP_NOT_FOUND', await place.database().repairBackups({ backups: [nowhere] }))
  const [here = ''] = await namesAt(place)
  expect(await repaired(place, here)).toMatchObject([{ filename: here, at: null, status: 'intact' }])
  expect(await repaired(place, name)).toMatchObject([{ at: 'far', status: 'repaired', from: 'farther' }])
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  const second = here.replace('.db', '_2.db')
  for (const [directory, suffix] of [
    ['manual', ''],
    ['metadata', '.json'],
  ] as const)
    renameSync(
      place.path('far', directory, `${here}${suffix}`),
      place.path('far', directory, `${second}${suffix}`),
    )
  truncateSync(place.path('far', 'manual', second), 100)
  expect(await repaired(place, here)).toMatchObject([
    { filename: here, at: null, status: 'intact' },
    { at: 'far', status: 'repaired', from: null },
  ])
  expect(await statusOfCopies(place)).toBe('intact')
})

test('as long as any target is good a copy is mended, however many are not', async () => {
  const names = ['far', 'farther', 'third', 'fourth']
  const place = openPlace(names, {}, { commits: 20 })
  const name = await makeGone(place)
  // Metadata alone is left of it, beside something that is nobody's.
  rmSync(place.path('far', 'manual', name))
  writeFileSync(place.path('far', 'manual', `${name.slice(0, name.indexOf('manual'))}manual_notes.txt`), 'x')
  for (const where of ['farther', 'third']) damageByte(place.path(where, 'manual', name), 5000)
  expect(await repaired(place)).toMatchObject([
    { filename: name, at: 'far', status: 'repaired', from: 'fourth' },
  ])
  expect(readFileSync(place.path('far', 'manual', name))).toEqual(
    readFileSync(place.path('fourth', 'manual', name)),
  )
})

test('what is good nowhere is said to be so, by its name, too', async () => {
  const place = openPlace(['far'], {}, { commits: 20 })
  const name = await makeGone(place)
  damageByte(place.path('far', 'manual', name), 5000)
  expect(await statusOfCopies(place)).toBe('damaged')
  const damaged = readFileSync(place.path('far', 'manual', name))
  expect(await repaired(place, name)).toMatchObject([
    { filename: name, at: 'far', status: 'failed', code: 'OBJECT_DAMAGED' },
  ])
  expect(readFileSync(place.path('far', 'manual', name))).toEqual(damaged)
})

test('a repair at a target that is cancelled says so, and leaves what is there', async () => {
  const place = openBoth()
  const name = await makeGone(place)
  damageByte(place.path('far', 'manual', name), 5000)
  expect(await statusOfCopies(place)).toBe('damaged')
  const damaged = readFileSync(place.path('far', 'manual', name))
  const controller = new AbortController()
  const answer = await place.database().repairBackups({
    signal: controller.signal,
    onProgress: ({ step }) => step === 'copy-off-site' && controller.abort(),
  })
  failedWith('CANCELLED', answer)
  expect(readFileSync(place.path('far', 'manual', name))).toEqual(damaged)
})
