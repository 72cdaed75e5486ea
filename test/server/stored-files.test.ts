/** Files that are added as backups, and stored ones that are handed out. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import {
  Administration,
  Database,
  type DatabaseOptions,
  type Progress,
  type StoredFile,
} from '../../src/index.ts'
import { buildDatabase, buildLedger } from '../support/databases.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

test('a file is added as a backup that can be restored, and stays where it is', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'shop.db')
  buildLedger(path)
  const old = join(directory, 'old.db')
  buildDatabase(old, 'CREATE TABLE a (b); INSERT INTO a VALUES (1); PRAGMA user_version = 42', {
    journalMode: 'delete',
  })
  const before = readFileSync(old)
  const added = succeeded(
    await protect(path).addBackup(old, { createdAt: '2020-01-02T03:04:05Z', createdBy: 'me' }),
  )
  expect(added.backup).toMatchObject({
    type: 'manual',
    created: '2020-01-02T03:04:05.000Z',
    databaseVersion: '42',
    description: 'Added from old.db',
    createdBy: 'me',
    metadata: { tables: { a: 1 }, check: 'full' },
  })
  expect(readFileSync(old)).toEqual(before)
  expect(succeeded(await protect(path).verifyBackup(added.backup.path)).status).toBe('intact')
  const copy = join(directory, 'copy.db')
  succeeded(await protect(path).restoreBackup(added.backup.path, { to: copy }))
  expect(statSync(copy).size).toBe(before.length)
})

test('a file whose tables only its application can check is added, and says so', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  const file = join(directory, 'other.db')
  const connection = new DatabaseSync(file, { defensive: false })
  connection.function('twice', { deterministic: true }, value => Number(value) * 2)
  connection.exec('CREATE TABLE t (a); CREATE INDEX i ON t (twice(a)); INSERT INTO t VALUES (1)')
  connection.close()
  const { backup } = succeeded(await here(directory).addBackup(file))
  expect(backup.metadata).toMatchObject({ created_by: expect.stringMatching(/./), page_size: 4096 })
  expect(backup.metadata?.unchecked).toMatchObject([expect.stringContaining('t')])
})

test('a file with no table of the newest backup is added, and said to be perhaps of another database', async () => {
  const directory = temporaryDirectory()
  const file = (name: string, sql: string): string => {
    buildDatabase(join(directory, name), sql, { journalMode: 'delete' })
    return join(directory, name)
  }
  const notesOn = async (path: string): Promise<readonly string[]> =>
    succeeded(await here(directory).addBackup(path)).notes
  const shop = file('shop.db', 'CREATE TABLE orders (id); CREATE TABLE Users (id)')
  const blog = file('blog.db', 'CREATE TABLE posts (id)')
  // Nothing to compare it with.
  expect(await notesOn(shop)).toEqual([])
  expect(await notesOn(file('later.db', 'CREATE TABLE users (id); CREATE TABLE items (id)'))).toEqual([])
  succeeded(await here(directory).createBackup({ check: 'none' }))
  const [newest] = (await here(directory).listBackups()).filter(
    ({ metadata }) => metadata?.tables !== undefined,
  )
  expect(await notesOn(blog)).toEqual([
    `It has none of the tables of ${newest?.filename}, the newest backup of shop whose tables are known. Delete it again if it is of another database.`,
  ])
  // By now it is the newest one.
  expect(await notesOn(blog)).toEqual([])
  expect(await notesOn(shop)).toHaveLength(1)
})

test.each(['yesterday', '12', '6/7/25', '2025-06-27T14:30:22', '2025-02-30', '2999-01-01T00:00:00Z'])(
  'a file is not added as of %s',
  async createdAt => {
    const directory = temporaryDirectory()
    buildLedger(join(directory, 'shop.db'))
    failedWith('INVALID_ARGUMENT', await here(directory).addBackup(join(directory, 'shop.db'), { createdAt }))
    expect(await here(directory).listBackups()).toEqual([])
  },
)

/** The database of a directory, and what is around it, as this process works on them. */
function here(directory: string): Database {
  return new Database(placeIn(directory))
}

function around(directory: string): Administration {
  return new Administration(placeIn(directory))
}

function placeIn(directory: string): DatabaseOptions {
  return { path: join(directory, 'shop.db'), backupDir: join(directory, 'backups'), engine: 'here' }
}

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

test('a backup that comes as a stream is added, in however small pieces its head comes', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'), { journalMode: 'delete' })
  const bytes = readFileSync(join(directory, 'shop.db'))
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    yield* inPieces(bytes.subarray(0, 30), 7)
    yield bytes.subarray(30)
  }
  const { backup } = succeeded(await around(directory).receiveBackup(pieces()))
  expect(backup).toMatchObject({ description: 'Uploaded', size: bytes.length })
  expect(readFileSync(backup.path)).toEqual(bytes)
})

test.each([
  ['is no database', 'x'.repeat(100), 100],
  ['is no database, which shows late', 'SQLite format 4, or so', 5],
  ['ends within its head', 'SQLite', 6],
  ['is empty', '', 1],
])('a stream that %s is refused, and nothing of it stays', async (_, text, length) => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  const bytes = inPieces(Buffer.from(text), length)
  failedWith('BACKUP_UNSUPPORTED', await around(directory).receiveBackup(bytes))
  expect(filesBelow(join(directory, 'backups')).filter(name => /received|\.db/.test(name))).toEqual([])
})

testWith(['root', 'linux', 'mount'], 'a stream is refused where it would fill the disk', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'), { journalMode: 'delete' })
  const disk = join(directory, 'backups')
  mkdirSync(disk)
  run('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', disk])
  onTestFinished(() => void run('umount', [disk]))
  const bytes = inPieces(readFileSync(join(directory, 'shop.db')), 4096)
  failedWith('INSUFFICIENT_SPACE', await around(directory).receiveBackup(bytes))
  expect(filesBelow(disk).filter(name => name.includes('received'))).toEqual([])
})

test('a stream that is cancelled leaves nothing', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  const cancelling = new AbortController()
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('SQLite format 3\0')
    cancelling.abort()
    yield Buffer.from('more')
  }
  const { signal } = cancelling
  failedWith('CANCELLED', await around(directory).receiveBackup(pieces(), { signal }))
  expect(filesBelow(join(directory, 'backups')).filter(name => name.includes('received'))).toEqual([])
})

async function textOf(file: StoredFile, start = 0): Promise<string> {
  const pieces = await Array.fromAsync(file.read({ start, end: file.sizeBytes }))
  return Buffer.concat(pieces).toString('latin1')
}

test('a stored backup is opened by its name, of whichever type it is, and read from any place on', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  const { filename, backupPath, metadata } = succeeded(
    await here(directory).createBackup({ backupType: 'weekly' }),
  )
  succeeded(await here(directory).createBackup({ backupType: 'daily' }))
  // Beside the types' directories, and called like one.
  writeFileSync(join(directory, 'backups', 'notes'), 'mine')
  const file = succeeded(await around(directory).openBackup(filename))
  expect(file).toMatchObject({ filename, sensitive: true, sizeBytes: metadata.file_size })
  expect(file.etag).toContain(metadata.checksum.slice(0, 32))
  expect(await textOf(file, 10)).toBe(readFileSync(backupPath).subarray(10).toString('latin1'))
  truncateSync(backupPath, 100)
  await expect(textOf(file)).rejects.toMatchObject({ code: 'IO_FAILED' })
  await file.close()
})

test('the database in a plain backup is its stored file', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  const { filename, backupPath } = succeeded(await here(directory).createBackup())
  const file = succeeded(await around(directory).openBackup(filename, { form: 'database' }))
  expect(file).toMatchObject({ filename, isStored: true })
  expect(await textOf(file)).toBe(readFileSync(backupPath).toString('latin1'))
  await file.close()
})

test.each([
  ['there is none', 'shop_backup_manual_20250101_000000.db'],
  ['another database’s', 'blog_backup_manual_20250101_000000.db'],
  ['a path', '../shop.db'],
])('a stored backup is not opened by a name of which %s', async (_, name) => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  succeeded(await here(directory).createBackup())
  writeFileSync(join(directory, 'backups', 'manual', 'blog_backup_manual_20250101_000000.db'), 'x')
  failedWith('BACKUP_NOT_FOUND', await around(directory).openBackup(name))
})

test('where backups are kept at targets alone a stored file is opened there, and what a restore keeps is opened here', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  mkdirSync(join(directory, 'far'))
  const config = join(directory, 'config.json')
  writeFileSync(
    config,
    JSON.stringify({ keepLocal: false, targets: { far: { kind: 'local', path: 'far' } } }),
  )
  const options = { ...placeIn(directory), config }
  const [database, admin] = [new Database(options), new Administration(options)]
  const { filename, metadata } = succeeded(await database.createBackup())
  const stored = join(directory, 'far', 'manual', filename)
  const file = succeeded(await admin.openBackup(filename))
  expect(file).toMatchObject({ filename, isStored: true, sensitive: true, sizeBytes: metadata.file_size })
  expect(await textOf(file, 10)).toBe(readFileSync(stored).subarray(10).toString('latin1'))
  await file.close()
  const unpacked = succeeded(await admin.openBackup(filename, { form: 'database', target: 'far' }))
  expect(unpacked).toMatchObject({ filename, isStored: false })
  expect(await textOf(unpacked)).toBe(readFileSync(stored, 'latin1'))
  await unpacked.close()

  const restored = succeeded(await database.restoreBackup(filename, { confirm: true }))
  const kept = restored.dryRun ? null : restored.preRestoreBackup
  const here = succeeded(await admin.openBackup(kept?.filename ?? ''))
  expect(here.sizeBytes).toBe(kept?.size)
  await here.close()
  failedWith('BACKUP_NOT_FOUND', await admin.openBackup(kept?.filename ?? '', { target: 'far' }))

  // Another content has another name, though its metadata is the old one's.
  utimesSync(stored, new Date('2025-01-01'), new Date('2025-01-01'))
  const replaced = succeeded(await admin.openBackup(filename))
  expect(replaced.etag).not.toBe(file.etag)
  await replaced.close()
})

test('exports are listed, the newest first, opened, and deleted', async () => {
  const directory = temporaryDirectory()
  buildDatabase(join(directory, 'shop.db'), 'CREATE TABLE a (b); INSERT INTO a VALUES (1)')
  const older = succeeded(await here(directory).exportData()).exportPath
  utimesSync(older, new Date('2025-01-01'), new Date('2025-01-01'))
  const newer = succeeded(await here(directory).exportData({ format: 'sql' })).exportPath
  const admin = around(directory)
  const names = [newer, older].map(path => basename(path))
  expect(succeeded(await admin.listExports()).exports.map(({ name }) => name)).toEqual(names)
  utimesSync(newer, new Date('2024-01-01'), new Date('2024-01-01'))
  const turned = succeeded(await admin.listExports()).exports.map(({ name }) => name)
  expect(turned).toEqual(names.toReversed())
  const file = succeeded(await admin.openExport(basename(older)))
  expect(await textOf(file)).toBe(readFileSync(older, 'latin1'))
  await file.close()
  succeeded(await admin.deleteExport(basename(older)))
  expect(existsSync(older)).toBe(false)
})

test.each([
  ['is not there', 'BACKUP_NOT_FOUND', () => {}],
  ['is a directory', 'BACKUP_UNSUPPORTED', (path: string) => mkdirSync(path)],
  ['is no database', 'BACKUP_UNSUPPORTED', (path: string) => writeFileSync(path, 'x'.repeat(8192))],
  ['is empty', 'BACKUP_UNSUPPORTED', (path: string) => writeFileSync(path, '')],
  [
    'is damaged',
    'BACKUP_DAMAGED',
    (path: string) => {
      buildLedger(path, { journalMode: 'delete' })
      writeFileSync(path, readFileSync(path).fill(0xff, 4096))
    },
  ],
] as const)('a file that %s is not added', async (_, code, make) => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  const file = join(directory, 'other.db')
  make(file)
  const database = protect(join(directory, 'shop.db'))
  failedWith(code, await database.addBackup(file))
  expect(await database.listBackups()).toEqual([])
})

test('a database with content beside it is not added, nor is one that a link leads to', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  const [live, link] = [join(directory, 'live.db'), join(directory, 'link.db')]
  buildLedger(live)
  symlinkSync(live, link)
  using app = new DatabaseSync(live)
  app.exec('PRAGMA wal_autocheckpoint = 0; CREATE TABLE newest (a)')
  const database = protect(join(directory, 'shop.db'))
  for (const file of [live, link]) {
    const { message } = failedWith('BACKUP_UNSUPPORTED', await database.addBackup(file))
    expect(message).toContain(`${live}-wal`)
  }
  expect(await database.listBackups()).toEqual([])
  app.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  for (const file of [live, link]) succeeded(await database.addBackup(file))
})

test('a file that is emptied while it is added is damaged, not an empty database', async () => {
  const directory = temporaryDirectory()
  const file = join(directory, 'other.db')
  buildLedger(file, { journalMode: 'delete' })
  const onProgress = ({ step }: Progress): void => {
    if (step === 'copy-image') truncateSync(file, 0)
  }
  const failure = failedWith('BACKUP_DAMAGED', await here(directory).addBackup(file, { onProgress }))
  expect(failure.message).toContain(`emptied meanwhile: ${file}`)
  expect(await here(directory).listBackups()).toEqual([])
})

test('exports that something else has put there are neither listed nor opened', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'shop.db')
  buildLedger(path)
  await backUp(path)
  succeeded(await protect(path).exportData())
  const admin = new Administration({ path, backupDir: join(directory, 'backups') })
  const [made] = succeeded(await admin.listExports()).exports
  const exportsDirectory = join(directory, 'backups', 'exports')
  writeFileSync(join(exportsDirectory, 'notes.txt'), 'mine')
  symlinkSync('/etc/passwd', join(exportsDirectory, 'shop_export_20250101_000000.json'))
  writeFileSync(join(exportsDirectory, 'blog_export_20250101_000000.json'), 'another database’s')
  expect(succeeded(await admin.listExports()).exports).toEqual([made])
  for (const name of [
    'notes.txt',
    'shop_export_20250101_000000.json',
    'blog_export_20250101_000000.json',
    '../../shop.db',
  ]) {
    failedWith('EXPORT_NOT_FOUND', await admin.openExport(name))
    failedWith('EXPORT_NOT_FOUND', await admin.deleteExport(name))
  }
})
