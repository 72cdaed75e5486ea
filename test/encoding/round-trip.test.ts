import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Encoding } from '../../src/index.ts'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { assertIntact } from '../support/intact.ts'
import { succeeded } from '../support/product.ts'
import { filesBelow } from '../support/temporary.ts'
import { expectCommit, leftoversIn, restored } from '../restore/scene.ts'
import { COMMITS, newest, openPlace } from './place.ts'

const SUFFIXES: Partial<Record<Encoding, string>> = { zstd: '.db.zst', 'zstd+age': '.db.zst.age' }

test.each([
  ['zstd', 'wal'],
  ['zstd', 'delete'],
  ['zstd+age', 'wal'],
  ['zstd+age', 'delete'],
] as const)(
  'a %s backup of a database in %s mode is used everywhere a plain one is',
  async (encoding, journalMode) => {
    const place = await openPlace({ journalMode })
    const database = place.product({ encoding })
    const { identity } = place
    const created = succeeded(await database.createBackup())
    expect(created.filename.endsWith(SUFFIXES[encoding] as string)).toBe(true)
    expect(created.snapshotWay).toBe(journalMode === 'wal' ? 'wal' : 'rollback')
    const { metadata } = created
    expect(metadata).toMatchObject({ encoding, check: 'quick', tables: expect.any(Object) as object })
    expect(metadata.file_size).toBe(readFileSync(created.backupPath).length)
    expect(metadata.file_size).toBeLessThan(metadata.image_size as number)
    expect(await newest(database)).toMatchObject({ encoding, size: metadata.file_size, metadataState: 'ok' })

    const verified = succeeded(await database.verifyBackup('latest', { identity }))
    expect(verified).toMatchObject({
      status: 'intact',
      check: 'full',
      lookedAt: 'image',
      checksumCompared: true,
    })
    const drilled = succeeded(await database.drillBackup({ identity }))
    expect(drilled).toMatchObject({ status: 'passed', bytes: metadata.image_size, scratchRemoved: true })
    const exported = succeeded(await database.exportData({ from: 'latest', identity, format: 'ndjson' }))
    expect(exported.rows).toBeGreaterThan(COMMITS)
    expect(succeeded(await database.scanSensitive({ from: 'latest', identity })).tables).toBeGreaterThan(0)

    const to = place.path('elsewhere.db')
    expect(restored(await database.restoreBackup('latest', { to, identity })).way).toBe('replace')
    expectCommit(to, COMMITS)
    commitOnce(place.databasePath)
    const over = restored(await database.restoreBackup('latest', { confirm: true, identity }))
    expect(over).toMatchObject({ way: 'transaction', comparison: 'equal' })
    expectCommit(place.databasePath, COMMITS)
    // What was there before is encoded like any other new backup, and can be had back.
    expect(over.preRestoreBackup).toMatchObject({ encoding })
    const before = over.preRestoreBackup?.filename ?? ''
    restored(await database.restoreBackup(before, { confirm: true, identity }))
    expectCommit(place.databasePath, COMMITS + 1)
    expect(leftoversIn(place.directory)).toEqual([])
  },
)

test('an encoded backup holds the commits that are only in the write-ahead log', async () => {
  const place = await openPlace()
  const connection = openDatabase(place.databasePath)
  try {
    connection.exec('PRAGMA wal_autocheckpoint = 0')
    for (let i = 0; i < 5; i++) commitToLedger(connection)
    succeeded(await place.product().createBackup({ encoding: 'zstd', check: 'full' }))
  } finally {
    connection.close()
  }
  const to = place.path('to.db')
  restored(await place.product().restoreBackup('latest', { to }))
  expectCommit(to, COMMITS + 5)
})

test('what does not compress is stored too, in more blocks than there are threads', async () => {
  const place = await openPlace()
  const connection = openDatabase(place.databasePath)
  connection.exec('CREATE TABLE noise (content BLOB); INSERT INTO noise VALUES (randomblob(9000000))')
  connection.close()
  const database = place.product({ encoding: 'zstd', zstd: { threads: 2 } })
  const { metadata } = succeeded(await database.createBackup())
  expect(metadata.file_size).toBeGreaterThan(9_000_000)
  expect(succeeded(await database.verifyBackup('latest'))).toMatchObject({ status: 'intact' })
  const to = place.path('to.db')
  restored(await database.restoreBackup('latest', { to }))
  expectCommit(to, COMMITS)
})

test('an empty database can be encoded, and restored', async () => {
  const place = await openPlace({ isFilled: false })
  writeFileSync(place.databasePath, '')
  for (const encoding of ['zstd', 'zstd+age'] as const) {
    const { filename } = succeeded(await place.product().createBackup({ encoding }))
    const to = place.path(`${encoding}.db`)
    restored(await place.product().restoreBackup(filename, { to, identity: place.identity }))
    expect(readFileSync(to).length).toBe(0)
  }
})

test('backups of one second in different encodings have different names, also when they are converted', async () => {
  const place = await openPlace()
  const database = place.product()
  const names: string[] = []
  for (const encoding of ['plain', 'zstd', 'zstd+age', 'zstd', 'plain'] as const)
    names.push(succeeded(await database.createBackup({ encoding, check: 'none' })).filename)
  const stems = names.map(name => name.slice(0, name.indexOf('.db')))
  expect(new Set(stems).size).toBe(names.length)
})

test('the configuration says how backups are stored, for all databases and for one', async () => {
  const place = await openPlace()
  const config = {
    encoding: 'zstd',
    zstd: { level: 1, threads: 1 },
    databases: { app: { path: place.databasePath }, other: { path: place.databasePath, encoding: 'plain' } },
  } as const
  const made = async (database: string): Promise<unknown> => {
    const product = place.product(config, { database, path: place.databasePath })
    return succeeded(await product.createBackup()).metadata.encoding
  }
  expect(await made('app')).toBe('zstd')
  expect(await made('other')).toBe('plain')
})

test('a backup in another encoding than the configured one is used as before', async () => {
  const place = await openPlace()
  succeeded(await place.product().createBackup())
  const later = place.product({ encoding: 'zstd' })
  expect(succeeded(await later.verifyBackup('latest'))).toMatchObject({ status: 'intact' })
  const to = place.path('to.db')
  restored(await later.restoreBackup('latest', { to }))
  expect(assertIntact(to)).toEqual({ commits: COMMITS })
  expect(filesBelow(place.backupDir).filter(name => name.endsWith('.db'))).toHaveLength(1)
})

test('a file that zstd compressed by hand is a backup too', async () => {
  const place = await openPlace()
  const { backupPath } = succeeded(await place.product().createBackup({ encoding: 'zstd' }))
  const copied = place.path('copied.db.zst')
  writeFileSync(copied, readFileSync(backupPath))
  const verified = succeeded(await place.product().verifyBackup(copied))
  expect(verified).toMatchObject({ status: 'intact', checksumCompared: false, lookedAt: 'image' })
})

function commitOnce(path: string): void {
  const connection = openDatabase(path, { journalMode: pragma(path) })
  commitToLedger(connection)
  connection.close()
}

function pragma(path: string): 'wal' | 'delete' {
  return readFileSync(path)[18] === 2 ? 'wal' : 'delete'
}

test('an encoded backup that is whole is salvaged as a whole', async () => {
  const place = await openPlace()
  const database = place.product({}, { engine: 'here' })
  succeeded(await database.createBackup({ encoding: 'zstd' }))
  const output = place.path('salvaged.json')
  const salvaged = succeeded(await database.exportData({ from: 'latest', salvage: true, output }))
  const whole = succeeded(await database.exportData({ output: place.path('whole.json') }))
  expect(salvaged.tables).toEqual(whole.tables)
})
