import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BackupError } from '../../src/index.ts'
import { buildLedger } from '../support/databases.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { storedFiles, temporaryDirectory } from '../support/temporary.ts'

function makeLedger(name = 'ledger.db'): string {
  const path = join(temporaryDirectory(), name)
  buildLedger(path)
  return path
}

/** As long as a file system lets a name be; and one to which only `.json` can be added. */
const LONGEST = `${'a'.repeat(252)}.db`
const LONG = `${'a'.repeat(247)}.db`

test('there are no backups before the first, and asking makes nothing', async () => {
  const path = makeLedger()
  expect(await protect(path).listBackups()).toEqual([])
  expect(existsSync(join(path, '..', 'backups'))).toBe(false)
  failedWith('BACKUP_NOT_FOUND', await protect(path).verifyBackup('latest'))
})

test('backups are listed newest first, of one type or of all, and at most so many', async () => {
  const path = makeLedger()
  const made: string[] = []
  for (const backupType of ['manual', 'daily', 'manual', 'weekly', 'daily', 'manual']) {
    made.unshift((await backUp(path, { backupType, check: 'none' })).filename)
  }
  const database = protect(path)
  const names = async (request = {}): Promise<string[]> =>
    (await database.listBackups(request)).map(({ filename }) => filename)
  expect(await names()).toEqual(made)
  expect(await names({ limit: 2 })).toEqual(made.slice(0, 2))
  expect(await names({ limit: 100 })).toEqual(made)
  expect(await names({ type: 'daily' })).toEqual(made.filter(name => name.includes('_daily_')))
  expect(await names({ type: 'manual', limit: 1 })).toEqual(
    made.filter(name => name.includes('_manual_')).slice(0, 1),
  )
  expect(await names({ type: 'pre_restore' })).toEqual([])
  expect(succeeded(await database.verifyBackup('latest')).backup.filename).toBe(made[0])
})

test.each([{ limit: 0 }, { limit: -1 }, { limit: 1.5 }, { type: '../manual' }, { type: 'metadata' }])(
  'a listing asked for with %j is refused with a typed error',
  async request => {
    const listing = protect(makeLedger()).listBackups(request)
    await expect(listing).rejects.toBeInstanceOf(BackupError)
    await expect(listing).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  },
)

test('a listed backup says everything that its metadata says', async () => {
  const path = makeLedger()
  const { filename, backupPath, metadata } = await backUp(path, {
    description: 'Before migration',
    createdBy: 'ann',
  })
  expect(await protect(path).listBackups()).toEqual([
    {
      filename,
      target: null,
      path: backupPath,
      type: 'manual',
      database: 'ledger',
      created: metadata.created_at,
      size: metadata.file_size,
      checksum: metadata.checksum,
      description: 'Before migration',
      createdBy: 'ann',
      databaseVersion: '0',
      encoding: 'plain',
      pinned: null,
      copies: [],
      signature: null,
      metadataState: 'ok',
      metadataProblem: null,
      metadata,
    },
  ])
})

test('a backup that lost its metadata, and one copied in by hand, are listed, marked, and can be verified', async () => {
  const path = makeLedger()
  const { filename, backupPath } = await backUp(path)
  const backupDir = join(path, '..', 'backups')
  rmSync(join(backupDir, 'metadata', `${filename}.json`))
  copyFileSync(path, join(backupDir, 'manual', 'from-the-old-server.db'))
  utimesSync(join(backupDir, 'manual', 'from-the-old-server.db'), 1_000_000_000, 1_000_000_000)
  const database = protect(path)
  const listed = await database.listBackups()
  expect(listed).toMatchObject([
    { filename, path: backupPath, database: 'ledger', metadataState: 'missing', checksum: null },
    {
      filename: 'from-the-old-server.db',
      database: null,
      created: '2001-09-09T01:46:40.000Z',
      metadataState: 'missing',
    },
  ])
  for (const { filename: name, path: file } of listed) {
    for (const wanted of [name, file]) {
      expect(succeeded(await database.verifyBackup(wanted))).toMatchObject({
        status: 'intact',
        checksumCompared: false,
      })
    }
  }
})

test('metadata of the system before this one, with its seven keys only, is understood', async () => {
  const path = makeLedger()
  const { filename, metadata } = await backUp(path)
  const file = join(path, '..', 'backups', 'metadata', `${filename}.json`)
  const { timestamp, backup_type, database_version, file_size, checksum, description, created_by } = metadata
  const old = { timestamp, backup_type, database_version, file_size, checksum, description, created_by }
  writeFileSync(file, JSON.stringify(old))
  const [listed] = await protect(path).listBackups()
  expect(listed).toMatchObject({ filename, metadataState: 'ok', checksum, database: 'ledger', metadata: old })
  expect(succeeded(await protect(path).verifyBackup(filename))).toMatchObject({
    status: 'intact',
    checksumCompared: true,
  })
})

test('metadata of a later version, with keys that are not known yet, is understood and kept', async () => {
  const path = makeLedger()
  const { filename, metadata } = await backUp(path)
  const file = join(path, '..', 'backups', 'metadata', `${filename}.json`)
  writeFileSync(file, JSON.stringify({ ...metadata, colour: 'green' }))
  const [listed] = await protect(path).listBackups()
  expect(listed).toMatchObject({ metadataState: 'ok', metadata: { ...metadata, colour: 'green' } })
})

test('databases that share a backup directory do not see each other’s backups', async () => {
  const directory = temporaryDirectory()
  for (const name of ['shop', 'shop_backup_manual', 'blog']) buildLedger(join(directory, `${name}.db`))
  const made = new Map<string, string>()
  for (const name of ['shop', 'shop_backup_manual', 'blog']) {
    made.set(name, (await backUp(join(directory, `${name}.db`))).filename)
  }
  for (const [name, filename] of made) {
    const database = protect(join(directory, `${name}.db`))
    expect((await database.listBackups()).map(listed => listed.filename)).toEqual([filename])
    expect(succeeded(await database.verifyBackup('latest')).backup.filename).toBe(filename)
    // By their names they can be told to any of them.
    expect(succeeded(await database.verifyBackup(made.get('shop') ?? '')).status).toBe('intact')
  }
})

test('the backup that a restore made beforehand is listed and is not the latest', async () => {
  const path = makeLedger()
  const { filename } = await backUp(path)
  const database = protect(path)
  const restored = succeeded(await database.restoreBackup(filename, { confirm: true }))
  expect(restored).toMatchObject({ dryRun: false, preRestoreBackup: { type: 'pre_restore' } })
  const listed = await database.listBackups()
  expect(listed.map(({ type }) => type)).toEqual(['pre_restore', 'manual'])
  expect(succeeded(await database.verifyBackup('latest')).backup.filename).toBe(filename)
})

test('what lies in the backup directory and is no backup is not listed, and stays', async () => {
  const path = makeLedger()
  const { filename } = await backUp(path)
  const backupDir = join(path, '..', 'backups')
  const strangers = [
    'manual/notes.txt',
    'manual/.hidden.db',
    `manual/${filename}-wal`,
    `manual/${filename}.damaged`,
    'exports/x.db',
    'Upper/x.db',
    'x.db',
    'metadata/x.db',
  ]
  for (const directory of ['exports', 'Upper', 'manual/folder.db']) mkdirSync(join(backupDir, directory))
  for (const stranger of strangers) writeFileSync(join(backupDir, stranger), 'mine')
  const before = storedFiles(backupDir)
  expect((await protect(path).listBackups()).map(listed => listed.filename)).toEqual([filename])
  await protect(path).createBackup()
  for (const stranger of strangers) expect(readFileSync(join(backupDir, stranger), 'utf8')).toBe('mine')
  expect(storedFiles(backupDir)).toEqual(expect.arrayContaining(before))
})

test.for<[string, readonly string[], (directory: string) => void]>([
  ['has no room for that of its metadata', [], directory => writeFileSync(join(directory, LONGEST), 'mine')],
  [
    'has no room for that of the mark of its deletion',
    [LONG],
    directory => writeFileSync(join(directory, LONG), 'mine'),
  ],
  ['is that of a link to itself', [], directory => symlinkSync('loop.db', join(directory, 'loop.db'))],
])(
  'a stray file whose name %s keeps no other backup from being listed, restored and cleaned up',
  async ([, listed, put]) => {
    const path = makeLedger()
    const { filename } = await backUp(path)
    put(join(path, '..', 'backups', 'manual'))
    const names = (await protect(path).listBackups()).map(each => each.filename)
    expect(names.toSorted()).toEqual([...listed, filename].toSorted())
    const to = join(path, '..', 'restored.db')
    succeeded(await protect(path).restoreBackup(filename, { to }))
    succeeded(await protect(path).cleanupOldBackups())
    expect(await protect(path).listBackups()).toHaveLength(names.length)
  },
)

test('a file whose name has no room for that of its metadata is not found as a backup', async () => {
  const path = makeLedger()
  const { backupPath } = await backUp(path)
  copyFileSync(backupPath, join(path, '..', 'backups', 'manual', LONGEST))
  failedWith('BACKUP_NOT_FOUND', await protect(path).verifyBackup(LONGEST))
})

test('the state of a database tells its backups by type, the newest, and what the next one needs', async () => {
  const path = makeLedger()
  await backUp(path)
  await backUp(path)
  const { filename, metadata } = await backUp(path, { backupType: 'daily' })
  const info = succeeded(await protect(path).info())
  expect(info).toMatchObject({
    name: 'ledger',
    databasePath: path,
    databaseProblem: null,
    database: {
      journalMode: 'wal',
      pageSize: 4096,
      sizeBytes: metadata.file_size,
      userVersion: 0,
      encoding: 'UTF-8',
    },
    backups: {
      count: 3,
      sizeBytes: 3 * metadata.file_size,
      newest: { filename },
      byType: [
        { type: 'daily', count: 1, sizeBytes: metadata.file_size },
        { type: 'manual', count: 2, sizeBytes: 2 * metadata.file_size },
      ],
    },
    disk: { nextBackupBytes: metadata.file_size },
  })
  expect(info.database?.tables.find(({ name }) => name === 'accounts')).toEqual({
    name: 'accounts',
    rows: 97,
  })
})
