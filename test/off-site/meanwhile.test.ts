/** Copies, and backups that are stored at targets alone, where others act or the target fails in the middle. */
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { BackupCreated, Config, CreateBackupRequest, TargetSynced } from '../../src/index.ts'
import { imageKey, markKey, metadataKey } from '../../src/catalog/target-keys.ts'
import { BackupError } from '../../src/errors.ts'
import { createBackup } from '../../src/operations/create-backup.ts'
import { syncTargets } from '../../src/operations/sync-targets.ts'
import { daily, madeUp, store } from '../retention/made-up.ts'
import { succeeded } from '../support/product.ts'
import { contextDuring, type Meanwhile } from './meanwhile.ts'
import { local, makeBackups, openPlace, type Place, readJson } from './place.ts'

const CONFIG: Config = { targets: { far: local('far') }, timeZone: 'UTC' }
const ONLY_FAR: Config = { ...CONFIG, keepLocal: false }

async function sync(place: Place, meanwhile: Meanwhile, config: Config = CONFIG): Promise<TargetSynced> {
  const { targets } = await syncTargets({}, contextDuring(place, meanwhile, { config }))
  const [target] = targets
  if (target === undefined) throw new Error('no target was synced')
  return target
}

/** A place with one backup that no target has. */
async function openWithOne(): Promise<{ readonly place: Place; readonly filename: string }> {
  const place = openPlace()
  const [filename = ''] = await makeBackups(place, 1)
  return { place, filename }
}

/** Metadata of another machine's backup of that name. */
function anothers(place: Place, filename: string): string {
  const own = readJson(join(place.backupDir, 'metadata', `${filename}.json`))
  return JSON.stringify({ ...own, created_at: '2020-01-01T00:00:00Z', checksum: '1'.repeat(64) })
}

test('a copy that another process completes meanwhile is not sent again', async () => {
  const { place, filename } = await openWithOne()
  succeeded(await place.database().syncTargets())
  cpSync(place.path('far'), place.path('completed'), { recursive: true })
  for (const name of place.files('far')) rmSync(place.path('far', name))
  const synced = await sync(place, {
    before(call, key) {
      if (call === 'list' && key === metadataKey(filename))
        cpSync(place.path('completed'), place.path('far'), { recursive: true })
    },
  })
  expect(synced).toMatchObject({ status: 'synced', copied: [filename], bytes: 0 })
})

test('a name that another machine takes before the metadata is there is left to it', async () => {
  const { place, filename } = await openWithOne()
  const another = anothers(place, filename)
  const synced = await sync(place, {
    before(call, key) {
      if (call === 'putIfAbsent' && key === metadataKey(filename))
        writeFileSync(place.path('far', key), another)
    },
  })
  expect(synced).toMatchObject({ status: 'synced', copied: [filename] })
  const second = filename.replace('.db', '_2.db')
  expect(readFileSync(place.path('far', metadataKey(filename)), 'utf8')).toBe(another)
  expect(place.files('far')).toEqual(expect.arrayContaining([`manual/${second}`, metadataKey(second)]))
})

test('a name that another machine takes each time is given up, and so is the target', async () => {
  const { place, filename } = await openWithOne()
  const another = anothers(place, filename)
  const synced = await sync(place, {
    before(call, key) {
      if (call === 'putIfAbsent' && key.endsWith('.json')) writeFileSync(place.path('far', key), another)
    },
  })
  expect(synced).toMatchObject({ status: 'failed', copied: [], failure: { code: 'TARGET_REFUSED' } })
})

test.for<[string, string, (path: string) => void]>([
  ['is deleted', 'is not there', path => rmSync(path)],
  ['is cut short', 'has 7 bytes there', path => truncateSync(path, 7)],
])('a copy that %s as soon as it is there is none', async ([, said, act]) => {
  const { place, filename } = await openWithOne()
  const synced = await sync(place, {
    after(call, key) {
      if (call === 'putIfAbsent' && key === metadataKey(filename)) act(place.path('far', 'manual', filename))
    },
  })
  expect(synced).toMatchObject({ status: 'incomplete', copied: [], failed: [{ code: 'OBJECT_DAMAGED' }] })
  expect(synced.failed[0]?.message).toContain(said)
})

test('what is said to a target that fails in the middle is not said to it again for each backup', async () => {
  const place = openPlace()
  await makeBackups(place, 5)
  let puts = 0
  const synced = await sync(place, {
    before(call) {
      if (call !== 'put') return
      puts++
      throw new BackupError('TARGET_FULL', 'The target far is full')
    },
  })
  expect(synced).toMatchObject({ status: 'failed', copied: [], failure: { code: 'TARGET_FULL' } })
  expect(puts).toBeLessThan(5)
})

test('a backup that is deleted here before its turn comes is lacking nowhere', async () => {
  const { place, filename } = await openWithOne()
  const synced = await sync(place, {
    after(call) {
      if (call !== 'list') return
      rmSync(join(place.backupDir, 'metadata', `${filename}.json`), { force: true })
    },
  })
  expect(synced).toMatchObject({ status: 'synced', copied: [], failed: [] })
  expect(place.files('far')).toEqual([])
})

test('where nothing may be deleted, the mark of a copy stays beside it', async () => {
  const place = openPlace(['far'], { targets: { far: local('far', { appendOnly: true }) } })
  const { filename } = succeeded(await place.database().createBackup())
  const mark = markKey({ kind: 'copying', type: 'manual', filename })
  expect(place.files('far')).toEqual([`manual/${filename}`, metadataKey(filename), mark])
  expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [], present: 1 }])
})

test('a backup whose metadata says only what it must is copied, and known again', async () => {
  const place = openPlace()
  const old = madeUp('2025-06-27T02:00:00Z')
  const { created_at: _, database: __, verified_at: ___, ...metadata } = old.metadata ?? {}
  store(place.backupDir, [{ ...old, metadata: metadata as typeof old.metadata }])
  rmSync(join(place.backupDir, 'daily', old.filename))
  writeFileSync(join(place.backupDir, 'daily', old.filename), '')
  const checksum = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  const path = join(place.backupDir, 'metadata', `${old.filename}.json`)
  writeFileSync(path, JSON.stringify({ ...metadata, file_size: 0, checksum }))
  expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [old.filename] }])
  expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [], present: 1 }])
})

test('where nothing is kept here, each backup that is whole somewhere is copied once', async () => {
  const place = openPlace(['far', 'farther', 'new'], { keepLocal: false })
  const [newer, older, cut] = daily('2025-06-27', 3, { size: 0, metadata: { checksum: EMPTY } })
  for (const where of ['far', 'farther']) store(place.path(where), [newer, older, cut] as never)
  for (const where of ['far', 'farther']) writeFileSync(place.path(where, imageKey(cut as never)), 'more')
  mkdirSync(place.path('new', 'daily'))
  const { targets } = succeeded(await place.database().syncTargets())
  const names = [older?.filename, newer?.filename]
  expect(targets.map(({ copied }) => copied.toSorted())).toEqual([[], [], names])
})

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

async function backUp(
  place: Place,
  meanwhile: Meanwhile,
  { config = ONLY_FAR, ...request }: CreateBackupRequest & { readonly config?: Config } = {},
): Promise<BackupCreated> {
  return await createBackup(request, contextDuring(place, meanwhile, { config }))
}

test.for(['wal', 'delete'] as const)(
  'a backup at the first target alone, which nobody checks, is made as well (%s)',
  async journalMode => {
    const place = openPlace(['far', 'farther'], { keepLocal: false }, { journalMode })
    const made = succeeded(await place.database().createBackup({ copy: false, check: 'none' }))
    expect(made).toMatchObject({ targets: [{ name: 'far' }], metadata: { verified_at: null, check: 'none' } })
    expect(place.files('farther')).toEqual([])
    expect(succeeded(await place.database().verifyBackup('latest')).status).toBe('intact')
  },
)

test('a backup whose name another machine takes at the last instant is none, and what it put stays', async () => {
  const place = openPlace(['far'], ONLY_FAR)
  const another = JSON.stringify(madeUp('2025-06-27T02:00:00Z').metadata)
  const making = backUp(place, {
    before(call, key) {
      if (call === 'putIfAbsent' && key.endsWith('.json')) writeFileSync(place.path('far', key), another)
    },
  })
  await expect(making).rejects.toMatchObject({ code: 'TARGET_REFUSED' })
  const metadata = place.files('far').find(name => name.endsWith('.json')) ?? ''
  expect(readFileSync(place.path('far', metadata), 'utf8')).toBe(another)
})

test('what arrives changed of an encoded backup is found out as it is decoded, and is no backup', async () => {
  const place = openPlace(['far'], ONLY_FAR)
  const making = backUp(
    place,
    {
      after(call, key) {
        if (call !== 'put') return
        const path = place.path('far', key)
        writeFileSync(path, readFileSync(path).fill(0xff, 0, 64))
      },
    },
    { encoding: 'zstd' },
  )
  await expect(making).rejects.toMatchObject({ code: 'OBJECT_DAMAGED', cause: expect.any(Error) })
  expect(place.files('far')).toEqual([])
})

test('a target that cannot be read back from has not taken the backup', async () => {
  const place = openPlace(['far'], ONLY_FAR)
  const making = backUp(place, {
    before(call, key) {
      if (call === 'get' && key.startsWith('manual/'))
        throw new BackupError('TARGET_UNREACHABLE', 'far is away')
    },
  })
  await expect(making).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' })
  expect(place.files('far')).toEqual([])
})

test('where no target takes a backup, the failure is the one that trying again may mend', async () => {
  const targets = { far: local('far'), farther: local('farther') }
  const place = openPlace(['far', 'farther'], { ...ONLY_FAR, targets })
  const answers = ['TARGET_UNREACHABLE', 'TARGET_REFUSED'] as const
  let asked = 0
  const making = backUp(
    place,
    {
      before(call) {
        if (call !== 'put') return
        const code = answers[asked++] ?? 'UNEXPECTED'
        throw new BackupError(code, `answer ${asked}`)
      },
    },
    { config: { ...ONLY_FAR, targets } },
  )
  await expect(making).rejects.toMatchObject({
    code: 'TARGET_UNREACHABLE',
    message: 'No target took the backup: answer 1',
  })
})

test('where nothing may be deleted, what was sent of a backup that failed stays without being one', async () => {
  const config: Config = { ...ONLY_FAR, targets: { far: local('far', { appendOnly: true }) } }
  const place = openPlace(['far'], config)
  const making = backUp(
    place,
    {
      before(call, key) {
        if (call === 'putIfAbsent' && key.endsWith('.json'))
          throw new BackupError('TARGET_FULL', 'far is full')
      },
    },
    { config },
  )
  await expect(making).rejects.toMatchObject({ code: 'TARGET_FULL' })
  expect(place.files('far').filter(name => name.endsWith('.json'))).toEqual([])
  expect(await place.database().listBackups()).toEqual([])
  const made = succeeded(await place.database().createBackup())
  expect(place.files('far')).toContain(markKey({ kind: 'copying', type: 'manual', filename: made.filename }))
})

test('a target that wants to hear a backup twice does not get it', async () => {
  const place = openPlace(['far'], ONLY_FAR)
  const context = contextDuring(place, {}, { config: ONLY_FAR })
  const making = createBackup(
    {},
    {
      ...context,
      async openTarget(name) {
        const target = await context.openTarget(name)
        return {
          ...target,
          async put(key, content, options) {
            // As after a connection that broke.
            for await (const _ of content.open(0)) break
            await target.put(key, content, options)
          },
        }
      },
    },
  )
  await expect(making).rejects.toMatchObject({
    code: 'TARGET_UNREACHABLE',
    message: expect.stringContaining('interrupted'),
  })
  expect(place.files('far')).toEqual([])
})
