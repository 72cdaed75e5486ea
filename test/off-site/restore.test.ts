import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildLedger } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { Database } from '../../src/index.ts'
import { openConfigured } from '../../src/operations/open-configured.ts'
import { restoreBackup } from '../../src/operations/restore-backup.ts'
import type { Target } from '../../src/storage/target.ts'
import { contextOf } from '../support/operation.ts'
import { local, makeBackups, openPlace, type Place } from './place.ts'

/** A ledger whose backup, of commit 20, is at the target; the database is at commit 45 by now. */
async function openBackedUp(
  encoding: 'plain' | 'zstd' = 'plain',
): Promise<Place & { readonly name: string }> {
  const place = openPlace()
  const { filename } = succeeded(await place.database().createBackup({ encoding }))
  rmSync(place.databasePath)
  buildLedger(place.databasePath, { commits: 45 })
  return { ...place, name: filename }
}

test.for(['plain', 'zstd'] as const)(
  'a machine that has nothing but the configuration restores the newest backup (%s) from a target',
  async encoding => {
    const { path } = await openBackedUp(encoding)
    const bare = temporaryDirectory()
    writeFileSync(join(bare, 'config.json'), JSON.stringify({ targets: { far: local(path('far')) } }))
    const database = new Database({
      path: join(bare, 'app.db'),
      backupDir: join(bare, 'backups'),
      config: join(bare, 'config.json'),
    })
    expect(await database.listBackups({ target: 'far' })).toHaveLength(1)
    // To look is to leave nothing behind.
    expect(existsSync(join(bare, 'backups'))).toBe(false)
    const restored = succeeded(
      await database.restoreBackup('latest', { target: 'far', to: join(bare, 'chame.db') }),
    )
    expect(restored).toMatchObject({ way: 'replace', comparison: 'equal', backup: { target: 'far' } })
    expect(assertIntact(join(bare, 'chame.db')).commits).toBe(20)
  },
)

test('a restore from a target goes over a database in use as one from the backup directory does', async () => {
  const place = await openBackedUp()
  const order = { target: 'far', confirm: true }
  failedWith('RESTORE_NOT_CONFIRMED', await place.database().restoreBackup('latest', { target: 'far' }))
  const restored = succeeded(await place.database().restoreBackup('latest', order))
  expect(restored).toMatchObject({
    way: 'transaction',
    comparison: 'equal',
    preRestoreBackup: { type: 'pre_restore' },
  })
  expect(assertIntact(place.databasePath).commits).toBe(20)
  const plan = succeeded(await place.database().restoreBackup(place.name, { target: 'far', dryRun: true }))
  expect(plan).toMatchObject({
    dryRun: true,
    backup: { path: `far:manual/${place.name}` },
    target: 'database',
  })
})

test.for([
  ['a byte is another', (bytes: Buffer) => bytes.with(5000, (bytes[5000] ?? 0) ^ 1)],
  ['it is cut short', (bytes: Buffer) => bytes.subarray(0, 6000)],
  ['it is longer', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(4096)])],
  ['it is another database', () => Buffer.from('SQLite format 3\0')],
  ['it is empty', () => Buffer.alloc(0)],
] as const)(
  'an object that is not what was stored is found before anything is touched: %s',
  async ([, change]) => {
    for (const encoding of ['plain', 'zstd'] as const) {
      const place = await openBackedUp(encoding)
      const path = place.path('far', 'manual', place.name)
      const before = readFileSync(place.databasePath)
      // A compressed one is shorter than where the change is.
      const bytes = readFileSync(path)
      writeFileSync(
        path,
        bytes.length > 6000 ? change(bytes) : change(Buffer.concat([bytes, Buffer.alloc(7000)])),
      )
      const failure = failedWith(
        'OBJECT_DAMAGED',
        await place.database().restoreBackup('latest', { target: 'far', confirm: true }),
      )
      expect(failure.message).toContain('far')
      expect(readFileSync(place.databasePath)).toEqual(before)
      expect(place.files('backups').filter(name => name.startsWith('pre_restore'))).toEqual([])
      failedWith(
        'OBJECT_DAMAGED',
        await place.database().restoreBackup(place.name, { target: 'far', dryRun: true }),
      )
      failedWith(
        'OBJECT_DAMAGED',
        await place.database().restoreBackup(place.name, { target: 'far', to: place.path('new.db') }),
      )
      expect(existsSync(place.path('new.db'))).toBe(false)
      const verified = succeeded(await place.database().verifyBackup(place.name, { target: 'far' }))
      expect(verified).toMatchObject({ status: 'damaged', backup: { target: 'far' } })
      const drilled = succeeded(await place.database().drillBackup({ backup: place.name, target: 'far' }))
      expect(drilled.status).toBe('failed')
      // Neither the work directory nor what was fetched into it stays.
      expect(place.files('backups').filter(name => name.includes('.chame-'))).toEqual([])
    }
  },
)

test('an object that is no database is refused, though its metadata says that it is as it should be', async () => {
  const place = await openBackedUp()
  const metadataPath = place.path('far', 'metadata', `${place.name}.json`)
  const metadata = JSON.parse(readFileSync(metadataPath, 'utf8')) as Record<string, unknown>
  const { createHash } = await import('node:crypto')
  const bytes = Buffer.alloc(8192, 'x')
  const checksum = createHash('sha256').update(bytes).digest('hex')
  writeFileSync(metadataPath, JSON.stringify({ ...metadata, checksum, file_size: bytes.length }))
  writeFileSync(place.path('far', 'manual', place.name), bytes)
  failedWith(
    'OBJECT_DAMAGED',
    await place.database().restoreBackup('latest', { target: 'far', confirm: true }),
  )
  expect(assertIntact(place.databasePath).commits).toBe(45)
})

test('a target that sends without end fills no disk', async () => {
  const place = await openBackedUp()
  const context = contextOf({ path: place.databasePath, config: { targets: { far: local('far') } } })
  let sent = 0
  const openTarget = async (name: string): Promise<Target> => ({
    ...(await openConfigured(context.settings, name, {})),
    async *get(key) {
      if (key.endsWith('.json')) yield readFileSync(place.path('far', key))
      else for (;;) yield Buffer.alloc((sent += 1 << 16) && 1 << 16)
    },
  })
  const order = { backup: 'latest', target: 'far', to: place.path('new.db') }
  await expect(restoreBackup(order, { ...context, openTarget })).rejects.toMatchObject({
    code: 'OBJECT_DAMAGED',
  })
  expect(sent).toBeLessThan(1 << 20)
  expect(existsSync(place.path('new.db'))).toBe(false)
})

test('an export is made of a backup at a target, and of a wrong object none', async () => {
  const place = await openBackedUp()
  const order = { from: 'latest', target: 'far', output: place.path('export.json') } as const
  const exported = succeeded(await place.database().exportData(order))
  expect(exported.tables['accounts']).toBeGreaterThan(0)
  expect(
    succeeded(await place.database().scanSensitive({ from: 'latest', target: 'far' })).tables,
  ).toBeGreaterThan(0)
  writeFileSync(place.path('far', 'manual', place.name), 'wrong')
  const result = await place.database().exportData({ ...order, output: place.path('other.json') })
  expect(result).toMatchObject({ success: false })
  expect(existsSync(place.path('other.json'))).toBe(false)
})

test('a verification and a drill at a target are noted there', async () => {
  const place = await openBackedUp()
  const verified = succeeded(await place.database().verifyBackup('latest', { target: 'far', record: true }))
  expect(verified).toMatchObject({ status: 'intact', recorded: true })
  const drilled = succeeded(await place.database().drillBackup({ target: 'far' }))
  expect(drilled).toMatchObject({ status: 'passed', recorded: true, backup: { target: 'far' } })
  const [there] = await place.database().listBackups({ target: 'far' })
  expect(there?.metadata).toMatchObject({ last_drill: { passed: true } })
  expect((await place.database().listBackups())[0]?.metadata?.last_drill).toBeUndefined()
})

test('where the backup directory has lost a backup, the failure names the target that has it', async () => {
  const place = openPlace(['far', 'farther'])
  const [name = ''] = await makeBackups(place, 1)
  succeeded(await place.database().syncTargets())
  const path = join(place.backupDir, 'manual', name)
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.with(5000, (bytes[5000] ?? 0) ^ 1))
  const order = { to: place.path('new.db') }
  const damaged = failedWith('BACKUP_DAMAGED', await place.database().restoreBackup(name, order))
  expect(damaged.hint).toContain(`give --target far (target: "far") with ${name}`)
  expect(damaged.hint).toContain('also at farther')
  rmSync(path)
  expect(failedWith('BACKUP_NOT_FOUND', await place.database().restoreBackup(name, order)).hint).toContain(
    '--target far',
  )
  // Whatever it was, somebody may have copied it.
  expect(
    failedWith(
      'BACKUP_NOT_FOUND',
      await place.database().restoreBackup('app_backup_daily_20200101_000000.db', order),
    ).hint,
  ).toContain('list --target far')
  succeeded(await place.database().restoreBackup(name, { ...order, target: 'far' }))
  assertIntact(place.path('new.db'))
})

test('a target that is away, or that nobody configured, says so to whoever restores from it', async () => {
  const place = await openBackedUp()
  renameSync(place.path('far'), place.path('gone'))
  const order = { to: place.path('new.db') }
  failedWith(
    'TARGET_UNREACHABLE',
    await place.database().restoreBackup('latest', { ...order, target: 'far' }),
  )
  const unknown = failedWith(
    'INVALID_ARGUMENT',
    await place.database().restoreBackup('latest', { ...order, target: 'nowhere' }),
  )
  expect(unknown.hint).toContain('far')
  mkdirSync(place.path('far'))
  failedWith('BACKUP_NOT_FOUND', await place.database().restoreBackup('latest', { ...order, target: 'far' }))
  expect(existsSync(place.path('new.db'))).toBe(false)
})

test('info describes what is at a target, and which targets have what', async () => {
  const place = openPlace(['far', 'farther'])
  succeeded(await place.database().createBackup())
  await makeBackups(place, 1)
  succeeded(await place.database().syncTargets({ target: 'far' }))
  const info = succeeded(await place.database().info())
  expect(info).toMatchObject({
    target: null,
    backups: { count: 2 },
    targets: [
      { target: 'far', count: 2, lacking: 0 },
      { target: 'farther', count: 1, lacking: 1 },
    ],
  })
  expect(succeeded(await place.database().info({ target: 'farther' }))).toMatchObject({
    target: 'farther',
    backups: { count: 1 },
  })
})

test('a backup is named by where it is at a target, and one that is lost here by where its copies are', async () => {
  const place = openPlace(['far', 'farther'])
  const { filename } = succeeded(await place.database().createBackup())
  const verified = succeeded(await place.database().verifyBackup(`farther:manual/${filename}`))
  expect(verified).toMatchObject({ status: 'intact', backup: { target: 'farther' } })
  rmSync(place.path('backups', 'manual', filename))
  const lost = failedWith('BACKUP_NOT_FOUND', await place.database().verifyBackup(filename))
  expect(lost.hint).toContain('at the target far (also at farther)')
  const unknown = failedWith('BACKUP_NOT_FOUND', await place.database().verifyBackup('no such thing'))
  expect(unknown.hint).toContain('list --target far')
})
