/** Backups of pages that are kept at targets alone: nothing of them is here but what can be lost. */
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type BackupCreated, BackupError, type Config, generateKeys } from '../../src/index.ts'
import { createBackup } from '../../src/operations/create-backup.ts'
import { SHIM_NEEDS } from '../faults/shim.ts'
import { type LedgerForm, openDatabase } from '../support/databases.ts'
import { assertIntact, contentOf } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { ONLY } from './blocks-place.ts'
import { contextDuring, type Meanwhile } from './meanwhile.ts'
import { local, namesAt, openPlace, type Place } from './place.ts'
import { POINTS, tendUnderShim } from './tend-killed.ts'

/** A database of some hundred pages that hardly compress. */
function openOnly(config: Config = ONLY, form: LedgerForm = {}): Place {
  const place = openPlace(['far', 'farther'], config, form)
  const connection = openDatabase(place.databasePath)
  connection.exec(`
    CREATE TABLE blobs (id INTEGER PRIMARY KEY, bytes BLOB);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
    INSERT INTO blobs SELECT i, randomblob(3000) FROM n;
  `)
  connection.close()
  return place
}

function change(place: Place, rows = 3): void {
  const connection = openDatabase(place.databasePath)
  connection.exec(`UPDATE blobs SET bytes = randomblob(3000) WHERE id <= ${rows}`)
  commitToLedger(connection)
  connection.close()
}

async function backUp(place: Place): Promise<BackupCreated> {
  return succeeded(await place.database().createBackup())
}

/** Restores each backup at the target as a new file; returns what is in them, newest first. */
async function restoreAll(place: Place, identity?: string): Promise<unknown[]> {
  const contents: unknown[] = []
  for (const name of await namesAt(place, 'far')) {
    const to = place.path('restored.db')
    rmSync(to, { force: true })
    const request = { target: 'far', to, ...(identity === undefined ? {} : { identity }) }
    succeeded(await place.database().restoreBackup(name, request))
    assertIntact(to)
    contents.push(contentOf(to))
  }
  return contents
}

function packsAtFar(place: Place): string[] {
  return place.files('far').filter(name => name.endsWith('.pack'))
}

function fingerprintsOf(place: Place): string {
  return join(place.backupDir, 'targets', 'far', 'app.fingerprints')
}

test('a backup goes to the target without a copy here, and the next one sends what has changed', async () => {
  const place = openOnly()
  const first = await backUp(place)
  expect(first).toMatchObject({
    backupPath: `far:manual/${first.filename}`,
    snapshotWay: 'wal',
    targets: [{ name: 'far', status: 'copied' }],
    metadata: { encoding: 'blocks', check: 'quick', verified_at: expect.any(String) },
  })
  expect(place.files('backups')).toEqual([])
  const before = contentOf(place.databasePath)
  change(place)
  const second = await backUp(place)
  expect(second.metadata.added_bytes).toBeLessThan(120_000)
  expect(second.metadata.added_bytes).toBeLessThan((first.metadata.added_bytes ?? 0) / 5)
  const third = await backUp(place)
  expect(third.metadata.added_bytes).toBe(third.metadata.file_size)
  expect(packsAtFar(place)).toHaveLength(2)
  const now = contentOf(place.databasePath)
  expect(await restoreAll(place)).toEqual([now, now, before])
  expect(place.files('backups')).toEqual([])
  expect(succeeded(await place.database().verifyBackup(first.filename))).toMatchObject({
    status: 'intact',
    lookedAt: 'image',
    backup: { target: 'far' },
  })
})

test('a database in rollback mode is stored by its pages by way of an image that goes again', async () => {
  const place = openOnly()
  const connection = openDatabase(place.databasePath)
  connection.exec('PRAGMA journal_mode = delete')
  connection.close()
  expect((await backUp(place)).snapshotWay).toBe('rollback')
  change(place)
  const { metadata } = await backUp(place)
  expect(metadata.added_bytes).toBeLessThan(120_000)
  expect(metadata.tables).toMatchObject({ blobs: 300 })
  expect(place.files('backups')).toEqual([])
  expect((await restoreAll(place))[0]).toEqual(contentOf(place.databasePath))
})

test('an empty database, and one that nobody is to check, are stored so as well', async () => {
  const place = openPlace(['far'], ONLY, null)
  writeFileSync(place.databasePath, '')
  expect((await backUp(place)).metadata.image_size).toBe(0)
  const other = openOnly()
  const unchecked = succeeded(await other.database().createBackup({ check: 'none' }))
  expect(unchecked.metadata).toMatchObject({ check: 'none', verified_at: null })
  expect(await restoreAll(other)).toEqual([contentOf(other.databasePath)])
})

test('pages are encrypted to keys that this machine does not have, and changes are found all the same', async () => {
  const place = openOnly()
  const identity = place.path('key.txt')
  const { recipient } = succeeded(await generateKeys({ output: identity }))
  place.configure({ ...ONLY, encryption: { recipients: [recipient] } })
  const first = await backUp(place)
  expect(first.metadata.encrypted).toBe(true)
  change(place)
  const { metadata } = await backUp(place)
  expect(metadata.added_bytes).toBeLessThan(150_000)
  expect(place.files('backups')).toEqual(['blocks/naming.key'])
  failedWith('KEY_REQUIRED', await place.database().restoreBackup('latest', { to: place.path('x.db') }))
  expect((await restoreAll(place, identity))[0]).toEqual(contentOf(place.databasePath))
  expect(succeeded(await place.database().checkKeys({ identity }))).toMatchObject({
    status: 'proven',
    backups: [{ openedBy: [0] }, { openedBy: [0] }],
  })
})

test('other targets get it from the first one that takes it', async () => {
  const place = openOnly({ ...ONLY, targets: { far: local('far'), farther: local('farther') } })
  await backUp(place)
  change(place)
  const { targets } = await backUp(place)
  expect(targets).toMatchObject([{ name: 'far' }, { name: 'farther', status: 'copied' }])
  expect(place.files('farther')).toEqual(place.files('far'))
  renameSync(place.path('far'), place.path('gone'))
  change(place)
  expect((await backUp(place)).targets).toMatchObject([
    { name: 'far', status: 'failed', code: 'TARGET_UNREACHABLE' },
    { name: 'farther', status: 'copied' },
  ])
})

const LOST: readonly [string, (place: Place, filename: string) => void | Promise<void>][] = [
  ['the cache of fingerprints was lost', place => rmSync(fingerprintsOf(place))],
  [
    'the cache of fingerprints was damaged',
    place => writeFileSync(fingerprintsOf(place), readFileSync(fingerprintsOf(place)).with(30, 0)),
  ],
  ['the last backup was deleted at the target', (place, name) => rmSync(place.path('far', 'manual', name))],
  [
    'the last backup was changed at the target',
    (place, name) => writeFileSync(place.path('far', 'manual', name), 'something else'),
  ],
  ['a pack is gone at the target', place => packsAtFar(place).forEach(key => rmSync(place.path('far', key)))],
  [
    'a pack was cut short at the target',
    place => packsAtFar(place).forEach(key => writeFileSync(place.path('far', key), 'short')),
  ],
  [
    'a pack is none any more',
    place => packsAtFar(place).forEach(key => writeFileSync(place.path('far', key), Buffer.alloc(5000))),
  ],
  [
    'a pack is another one',
    async place => {
      const other = openOnly()
      await backUp(other)
      const [pack = ''] = packsAtFar(other)
      packsAtFar(place).forEach(key => copyFileSync(other.path('far', pack), place.path('far', key)))
    },
  ],
  [
    'the index of a pack was changed',
    place =>
      packsAtFar(place).forEach(key => {
        const bytes = readFileSync(place.path('far', key))
        const at = bytes.length - 100
        writeFileSync(place.path('far', key), bytes.with(at, (bytes[at] ?? 0) ^ 1))
      }),
  ],
]

test.each(LOST)('where %s, every page is sent again, and the backup is whole', async (_, lose) => {
  const place = openOnly()
  const { filename, metadata } = await backUp(place)
  await lose(place, filename)
  rmSync(place.path('far', 'metadata', `${filename}.json`))
  change(place)
  const again = await backUp(place)
  expect(again.metadata.added_bytes).toBeGreaterThan((metadata.added_bytes ?? 0) / 2)
  expect(await restoreAll(place)).toEqual([contentOf(place.databasePath)])
})

test('pages that a cleanup at the target has dropped meanwhile are sent again', async () => {
  const place = openOnly()
  const { filename } = await backUp(place)
  change(place, 200)
  const kept = await backUp(place)
  for (const key of place.files('far')) utimesSync(place.path('far', key), new Date(0), new Date(0))
  succeeded(await place.database().deleteBackup(filename, { confirm: true }))
  succeeded(await place.database().cleanupOldBackups())
  change(place, 250)
  await backUp(place)
  expect((await restoreAll(place))[0]).toEqual(contentOf(place.databasePath))
  expect(await namesAt(place)).toContain(kept.filename)
})

async function backUpDuring(place: Place, meanwhile: Meanwhile): Promise<BackupCreated> {
  return await createBackup({}, contextDuring(place, meanwhile, { config: ONLY }))
}

test('a pack that is changed while the backup is made holds it up, and the next one is whole', async () => {
  const place = openOnly()
  const { filename } = await backUp(place)
  change(place)
  const [pack = ''] = packsAtFar(place)
  const meanwhile: Meanwhile = {
    after(call, key) {
      if (call === 'put' && key.endsWith('.db.blocks')) writeFileSync(place.path('far', pack), 'shorter')
    },
  }
  await expect(backUpDuring(place, meanwhile)).rejects.toMatchObject({ code: 'CATALOG_LOCKED' })
  expect(await namesAt(place, 'far')).toEqual([filename])
  expect(place.files('far').filter(name => name.endsWith('.blocks'))).toEqual([`manual/${filename}`])
  const made = await backUp(place)
  rmSync(place.path('restored.db'), { force: true })
  succeeded(await place.database().restoreBackup(made.filename, { to: place.path('restored.db') }))
  expect(contentOf(place.path('restored.db'))).toEqual(contentOf(place.databasePath))
})

test.each(['.pack', '.db.blocks'])(
  'a %s that arrives changed is found out, and there is no backup',
  async suffix => {
    const place = openOnly()
    const meanwhile: Meanwhile = {
      after(call, key) {
        if (call !== 'put' || !key.endsWith(suffix)) return
        const bytes = readFileSync(place.path('far', key))
        writeFileSync(place.path('far', key), bytes.with(90, (bytes[90] ?? 0) ^ 1))
      },
    }
    await expect(backUpDuring(place, meanwhile)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
    expect(await namesAt(place, 'far')).toEqual([])
    expect(place.files('far').filter(name => !name.endsWith('.pack'))).toEqual([])
  },
)

test.each(['.pack', '.db.blocks'])(
  'a target that goes away when a %s of the last backup is looked at is no reason to send everything again',
  async suffix => {
    const place = openOnly()
    const { filename } = await backUp(place)
    change(place)
    const meanwhile: Meanwhile = {
      before(call, key) {
        if (call === 'get' && key.endsWith(suffix)) throw new BackupError('TARGET_UNREACHABLE', 'It is away')
      },
    }
    await expect(backUpDuring(place, meanwhile)).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' })
    expect(await namesAt(place, 'far')).toEqual([filename])
    expect(packsAtFar(place)).toHaveLength(1)
    expect((await backUp(place)).metadata.added_bytes).toBeLessThan(120_000)
  },
)

test('changes of small pages, of which a pack holds many, are found as well', async () => {
  const place = openOnly(ONLY, { pageSize: 512 })
  const { metadata } = await backUp(place)
  expect(metadata.page_size).toBe(512)
  change(place, 1)
  expect((await backUp(place)).metadata.added_bytes).toBeLessThan(60_000)
  expect((await restoreAll(place))[0]).toEqual(contentOf(place.databasePath))
})

test('a damaged database is found out, and is no backup', async () => {
  const place = openOnly()
  const bytes = readFileSync(place.databasePath)
  bytes.fill(0xee, 4096 * 3, 4096 * 4)
  writeFileSync(place.databasePath, bytes)
  failedWith('DATABASE_DAMAGED', await place.database().createBackup())
  expect(place.files('far').filter(name => !name.endsWith('.pack'))).toEqual([])
})

test('a pack that is there already is not sent again, and one that lacks pages is', async () => {
  const place = openOnly()
  await backUp(place)
  const [pack = ''] = packsAtFar(place)
  rmSync(fingerprintsOf(place))
  const again = await backUp(place)
  expect(again.metadata.added_bytes).toBe(again.metadata.file_size)
  writeFileSync(place.path('far', pack), readFileSync(place.path('far', pack)).subarray(0, -10))
  const mended = await backUp(place)
  expect(mended.metadata.added_bytes).toBeGreaterThan(300_000)
  expect(await restoreAll(place)).toHaveLength(3)
})

testWith(
  SHIM_NEEDS,
  'one that is killed at any change at the target leaves only backups that restore, and the next one is whole',
  async () => {
    const place = openOnly()
    await backUp(place)
    change(place)
    const { stdout, calls } = await tendUnderShim('create', place)
    expect(stdout).toContain('success')
    const count = calls.filter(({ isCounted }) => isCounted).length
    const step = Math.max(1, Math.floor(count / POINTS))
    let killed = 0
    for (let at = count; at > 0; at -= step) {
      change(place)
      const before = await namesAt(place, 'far')
      const { signal } = await tendUnderShim('create', place, { kind: 'kill' }, at)
      killed += signal === 'SIGKILL' ? 1 : 0
      const after = await namesAt(place, 'far')
      expect([before.length, before.length + 1]).toContain(after.length)
      const now = contentOf(place.databasePath)
      await backUp(place)
      const [newest] = await restoreAll(place)
      expect(newest, `after a kill at ${at}`).toEqual(now)
      // What is there of earlier rounds has been restored once, which is enough.
      for (const name of await namesAt(place, 'far'))
        succeeded(await place.database().deleteBackup(name, { confirm: true, force: true, target: 'far' }))
      await backUp(place)
    }
    expect(killed).toBeGreaterThan(3)
    expect(readdirSync(place.backupDir).filter(name => name.startsWith('.chame-work-'))).toEqual([])
    expect(existsSync(fingerprintsOf(place))).toBe(true)
  },
  300_000,
)
