/** What is damaged at one target, or has lost its metadata, is put right from another one, or from the backup directory. */
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
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type BackupsRepaired, type Config, generateKeys, type RepairedBackup } from '../../src/index.ts'
import { syncTargets } from '../../src/operations/sync-targets.ts'
import { openSigned } from '../signing/place.ts'
import { openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { damageByte } from './damage-byte.ts'
import { contextDuring } from './meanwhile.ts'
import { local, makeBackups, namesAt, openPlace, type Place, readJson } from './place.ts'

const BOTH = { targets: { far: local('far'), farther: local('farther') } } as const

function openBoth(config: Config = {}): Place {
  return openPlace(['far', 'farther'], config, { commits: 20 })
}

function commit(place: Place): void {
  const connection = openDatabase(place.databasePath)
  commitToLedger(connection)
  connection.close()
}

/** A backup that is at every target, and not here any more. */
async function makeGone(place: Place): Promise<string> {
  const [name = ''] = await makeBackups(place, 1)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  commit(place)
  await makeBackups(place, 1)
  succeeded(await place.database().deleteBackup(name, { confirm: true }))
  return name
}

async function repairAll(place: Place): Promise<BackupsRepaired> {
  return succeeded(await place.database().repairBackups())
}

async function repaired(place: Place, ...backups: string[]): Promise<readonly RepairedBackup[]> {
  return succeeded(await place.database().repairBackups(backups.length === 0 ? {} : { backups })).backups
}

async function statusOfCopies(place: Place): Promise<string> {
  return succeeded(await place.database().verifyCopies()).status
}

function metadataPath(place: Place, where: string, name: string): string {
  return place.path(where, 'metadata', `${name}.json`)
}

function expectSame(place: Place, key: string): void {
  expect(readFileSync(place.path('far', key))).toEqual(readFileSync(place.path('farther', key)))
}

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

test('metadata that is gone at one target, or cannot be read, comes back from wherever it is, with its signature', async () => {
  const place = await openSigned(['far', 'farther'])
  const [here = '', gone = ''] = await makeBackups(place, 2)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  succeeded(await place.database().deleteBackup(gone, { confirm: true, force: true }))
  const before = [here, gone].map(name => readFileSync(metadataPath(place, 'far', name), 'utf8'))
  rmSync(metadataPath(place, 'far', here))
  writeFileSync(metadataPath(place, 'far', gone), '{"timestamp":')
  const done = await repaired(place)
  expect(done.toSorted((a, b) => (a.from === null ? -1 : b.from === null ? 1 : 0))).toMatchObject([
    { filename: here, at: 'far', status: 'repaired', from: null, metadata: true, bytes: 0 },
    { filename: gone, at: 'far', status: 'repaired', from: 'farther', metadata: true, bytes: 0 },
  ])
  expect([here, gone].map(name => readFileSync(metadataPath(place, 'far', name), 'utf8'))).toEqual(before)
  const listed = await place.database().listBackups({ target: 'far' })
  expect(listed.map(({ signature }) => signature)).toEqual(['valid', 'valid'])
  // A sync knows its own file again, too, and puts no second one beside it.
  rmSync(metadataPath(place, 'far', here))
  expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([
    { copied: [here], bytes: 0 },
    { copied: [] },
  ])
  expect(await namesAt(place, 'far')).toHaveLength(2)
})

test('what a signature speaks against at a target gets the metadata that was signed', async () => {
  const place = await openSigned(['far'])
  const [name = ''] = await makeBackups(place, 1)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  const path = metadataPath(place, 'far', name)
  const { signature, ...unsigned } = readJson(path)
  writeFileSync(path, JSON.stringify({ ...unsigned, image_size: 4096, signature }))
  expect(await statusOfCopies(place)).toBe('damaged')
  expect(await repaired(place)).toMatchObject([{ at: 'far', status: 'repaired', from: null }])
  expect(await statusOfCopies(place)).toBe('intact')
  expect(readJson(path)).toMatchObject({ ...unsigned, signature })
})

test('a file that somebody has put at a target without metadata is described by nobody', async () => {
  const place = openBoth()
  const name = await makeGone(place)
  rmSync(metadataPath(place, 'far', name))
  damageByte(place.path('far', 'manual', name), 5000)
  const bytes = readFileSync(place.path('far', 'manual', name))
  // It may be what somebody needs: what comes is put beside it.
  expect(await repaired(place)).toMatchObject([{ at: 'far', status: 'repaired', metadata: false }])
  expect(readFileSync(place.path('far', 'manual', name))).toEqual(bytes)
  expect(await namesAt(place, 'far')).toHaveLength(1)
  writeFileSync(place.path('far', 'manual', 'app_backup_manual_20200101_000000.db'), 'something')
  expect(await repaired(place)).toEqual([])
})

test('all metadata that is lost here comes back from targets, and nothing else is touched', async () => {
  const place = await openSigned(['far', 'farther'])
  const [first = '', second = '', changed = ''] = await makeBackups(place, 3)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  const metadata = join(place.backupDir, 'metadata')
  const { copies: _, ...before } = readJson(join(metadata, `${first}.json`))
  renameSync(metadata, place.path('lost'))
  rmSync(metadataPath(place, 'far', second))
  damageByte(place.path('backups', 'manual', changed), 5000)
  const strange = 'app_backup_manual_20200101_000000.db'
  writeFileSync(place.path('backups', 'manual', strange), readFileSync(place.databasePath))
  const done = await repaired(place)
  const byName = new Map(done.filter(({ at }) => at === null).map(each => [each.filename, each]))
  expect(byName.get(first)).toMatchObject({ status: 'repaired', from: 'far', metadata: true, bytes: 0 })
  expect(byName.get(second)).toMatchObject({ status: 'repaired', from: 'farther', metadata: true })
  expect([...byName.keys()].toSorted()).toEqual([first, second].toSorted())
  expect(readJson(join(metadata, `${first}.json`))).toEqual(before)
  const listed = await place.database().listBackups()
  expect(listed.filter(({ signature }) => signature === 'valid').map(({ filename }) => filename)).toEqual(
    [first, second].toSorted().toReversed(),
  )
  // Of the others nobody knows that they are what a target has.
  for (const name of [changed, strange])
    expect(await repaired(place, name)).toMatchObject([
      { filename: name, at: null, status: 'failed', code: 'METADATA_INVALID' },
    ])
  writeFileSync(join(metadata, `${first}.json`), '{"timestamp":')
  expect(await repaired(place, first)).toMatchObject([{ status: 'repaired', metadata: true }])
  expect(succeeded(await place.database().verifyBackup(first)).status).toBe('intact')
  expect(await repaired(place, first)).toMatchObject([{ status: 'intact', metadata: false }])
})

test('a backup of pages that has lost its metadata and a pack gets back both', async () => {
  const place = openBoth({ encoding: 'blocks' })
  const [name = ''] = await makeBackups(place, 1)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  const [pack = ''] = place.files('backups').filter(key => key.endsWith('.pack'))
  rmSync(place.path('backups', pack))
  rmSync(metadataPath(place, 'backups', name))
  expect(await repaired(place)).toMatchObject([
    { filename: name, at: null, status: 'repaired', from: 'far', metadata: true, packs: 1 },
  ])
  expect(succeeded(await place.database().verifyBackup(name)).status).toBe('intact')
})

test('metadata is taken from where it is signed; unsigned where nobody has signed it, and never with a wrong signature', async () => {
  const place = await openSigned(['far', 'farther'])
  const [name = ''] = await makeBackups(place, 1)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  const lost = metadataPath(place, 'backups', name)
  const { signature, ...unsigned } = readJson(metadataPath(place, 'far', name))
  const wrong = { ...unsigned, image_size: 4096, signature }
  const cases = [
    [unsigned, { ...unsigned, signature }, 'farther'],
    [wrong, unsigned, 'farther'],
    [unsigned, unsigned, 'far'],
    [wrong, wrong, null],
  ] as const
  for (const [far, farther, from] of cases) {
    rmSync(lost, { force: true })
    writeFileSync(metadataPath(place, 'far', name), JSON.stringify(far))
    writeFileSync(metadataPath(place, 'farther', name), JSON.stringify(farther))
    const [answer] = await repaired(place, name)
    expect(answer).toMatchObject(from === null ? { status: 'failed' } : { status: 'repaired', from })
  }
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

test('of a file with metadata that cannot be read, and that no target knows, it is said that it cannot be repaired', async () => {
  const place = openBoth()
  const [name = ''] = await makeBackups(place, 1)
  const path = metadataPath(place, 'backups', name)
  const text = readFileSync(path)
  writeFileSync(path, '{"timestamp":')
  expect(await repaired(place)).toMatchObject([
    { filename: name, status: 'failed', code: 'METADATA_INVALID' },
  ])
  // What is of the same name there is of another size.
  mkdirSync(place.path('far', 'metadata'))
  writeFileSync(
    metadataPath(place, 'far', name),
    JSON.stringify({ ...JSON.parse(String(text)), file_size: 1 }),
  )
  expect(await repaired(place)).toMatchObject([{ status: 'failed', code: 'METADATA_INVALID' }])
  expect(readFileSync(path, 'utf8')).toBe('{"timestamp":')
  // The metadata alone is enough, and then its file is put there again.
  writeFileSync(metadataPath(place, 'far', name), text)
  expect(await repaired(place)).toMatchObject([
    { at: null, status: 'repaired', metadata: true, from: 'far' },
    { at: 'far', status: 'repaired', metadata: false, from: null },
  ])
  expect(await namesAt(place, 'far')).toEqual([name])
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
