import { linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ErrorCode } from '../../src/index.ts'
import { buildLedger } from '../support/databases.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { filesBelow, storedFiles, temporaryDirectory } from '../support/temporary.ts'

const INPUTS: [string, ErrorCode, (path: string) => void][] = [
  ['a missing file', 'DATABASE_NOT_FOUND', () => {}],
  [
    'a file in a missing directory',
    'DATABASE_NOT_FOUND',
    path => rmSync(join(path, '..'), { recursive: true }),
  ],
  ['a text file', 'DATABASE_INVALID', path => writeFileSync(path, 'This is no database.\n'.repeat(500))],
  ['a file of three bytes', 'DATABASE_INVALID', path => writeFileSync(path, 'SQL')],
  [
    'a file of zero bytes in a page’s length',
    'DATABASE_INVALID',
    path => writeFileSync(path, Buffer.alloc(4096)),
  ],
  [
    'a database whose first byte is flipped',
    'DATABASE_INVALID',
    path => writeFileSync(path, flipped(path, 0)),
  ],
  [
    'a database with an impossible page size',
    'DATABASE_INVALID',
    path => writeFileSync(path, flipped(path, 16)),
  ],
  ['a directory', 'DATABASE_INVALID', path => mkdirSync(path)],
  ['a link to nothing', 'DATABASE_NOT_FOUND', path => symlinkSync('nowhere.db', path)],
  ['a link to itself', 'IO_FAILED', path => symlinkSync('ledger.db', path)],
  ['a link to a directory', 'DATABASE_INVALID', path => symlinkSync('.', path)],
]

function flipped(path: string, offset: number): Buffer {
  const elsewhere = `${path}.good`
  buildLedger(elsewhere)
  const bytes = readFileSync(elsewhere)
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x55
  return bytes
}

test.each(INPUTS)('backing up %s fails with %s, and stores nothing', async (_, code, make) => {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'data'))
  const path = join(directory, 'data', 'ledger.db')
  make(path)
  const backupDir = join(directory, 'b')
  const failure = failedWith(code, await protect(path, { backupDir }).createBackup())
  expect(failure.message).toContain(path)
  expect(failure.hint).toBeDefined()
  expect(storedFiles(backupDir)).toEqual([])
  // The state of the database is still told, with what is wrong.
  const info = succeeded(await protect(path, { backupDir }).info())
  expect(info.database).toBeNull()
  expect(info.databaseProblem).toBe(failure.message)
})

test('a missing database is reported in the words that scripts may match on', async () => {
  const path = join(temporaryDirectory(), 'none.db')
  expect(failedWith('DATABASE_NOT_FOUND', await protect(path).createBackup()).message).toBe(
    `Database file not found: ${path}`,
  )
})

testWith(
  ['mkfifo'],
  'a FIFO in place of the database, of a backup or of metadata fails at once and does not hang',
  async () => {
    const directory = temporaryDirectory()
    const fifo = join(directory, 'fifo.db')
    run('mkfifo', [fifo])
    failedWith('DATABASE_INVALID', await protect(fifo).createBackup())

    const path = join(directory, 'ledger.db')
    buildLedger(path)
    const { filename, backupPath } = await backUp(path)
    const database = protect(path)
    failedWith('BACKUP_NOT_FOUND', await database.verifyBackup(fifo))
    rmSync(backupPath)
    run('mkfifo', [backupPath])
    expect(await database.listBackups()).toEqual([])
    failedWith('BACKUP_NOT_FOUND', await database.verifyBackup(filename))
    failedWith('BACKUP_NOT_FOUND', await database.verifyBackup(backupPath))

    const second = await backUp(path)
    const metadata = join(directory, 'backups', 'metadata', `${second.filename}.json`)
    rmSync(metadata)
    run('mkfifo', [metadata])
    const [listed] = await database.listBackups()
    expect(listed).toMatchObject({ filename: second.filename, metadataState: 'invalid' })
  },
)

test.each([
  ['is not JSON', () => 'not JSON {'],
  ['is empty', () => ''],
  ['is JSON of another kind', () => '[1, 2, 3]'],
  ['lacks a key', (text: string) => text.replace(/"checksum": "[0-9a-f]*",/, '')],
  [
    'has a checksum that is none',
    (text: string) => text.replace(/"checksum": "[0-9a-f]{8}/, '"checksum": "zzzzzzzz'),
  ],
  ['has a negative size', (text: string) => text.replace(/"file_size": /, '"file_size": -')],
  ['has a size that is text', (text: string) => text.replace(/"file_size": \d+/, '"file_size": "12"')],
])('a backup whose metadata %s is listed and marked, and is never called intact', async (_, change) => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const database = protect(path)
  const { filename, backupPath } = await backUp(path)
  const metadata = join(path, '..', 'backups', 'metadata', `${filename}.json`)
  const changed = change(readFileSync(metadata, 'utf8'))
  writeFileSync(metadata, changed)
  const [listed] = await database.listBackups()
  expect(listed).toMatchObject({
    filename,
    path: backupPath,
    metadataState: 'invalid',
    metadata: null,
    checksum: null,
  })
  expect(listed?.metadataProblem).toBeTruthy()
  const verified = succeeded(await database.verifyBackup(filename))
  expect(verified.status).toBe('damaged')
  expect(verified.problems.map(({ code }) => code)).toContain('METADATA_INVALID')
  expect(readFileSync(metadata, 'utf8')).toBe(changed)
  // A next backup is not kept from being made, nor does it take the name.
  expect((await backUp(path)).filename).not.toBe(filename)
})

test('metadata that lies about its file makes the backup damaged', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const { filename } = await backUp(path)
  const metadata = join(path, '..', 'backups', 'metadata', `${filename}.json`)
  const text = readFileSync(metadata, 'utf8')
  for (const [from, to, code] of [
    [/"checksum": "[0-9a-f]{8}/, '"checksum": "00000000', 'CHECKSUM_DIFFERS'],
    [/"file_size": \d/, '"file_size": 9', 'SIZE_DIFFERS'],
  ] as const) {
    writeFileSync(metadata, text.replace(from, to))
    const verified = succeeded(await protect(path).verifyBackup(filename))
    expect(verified).toMatchObject({ status: 'damaged', problems: [{ code }] })
  }
})

test.each([
  '../no/such.db',
  '../../no-such.db',
  'manual/../../no-such.db',
  './no-such.db',
  '..',
  '.',
  '/',
  '-',
  '~/no-such.db',
])('the backup name %j, which names no backup, is a typed error and leads to no file', async name => {
  const directory = temporaryDirectory()
  const path = join(directory, 'data', 'ledger.db')
  mkdirSync(join(directory, 'data'))
  buildLedger(path)
  await backUp(path)
  const before = filesBelow(directory)
  failedWith('BACKUP_NOT_FOUND', await protect(path).verifyBackup(name))
  expect(filesBelow(directory)).toEqual(before)
})

test.each([
  '../evil',
  'a/b',
  '',
  'UPPER',
  'metadata',
  'exports',
  '.hidden',
  'a b',
  'x'.repeat(40),
  'never_configured',
])('the backup type %j is refused before anything is made', async backupType => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  failedWith('INVALID_ARGUMENT', await protect(path).createBackup({ backupType }))
  expect(filesBelow(directory)).toEqual(['ledger.db'])
})

test('a request that is not understood is refused, with the name of what is wrong', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const wrong: [Record<string, unknown>, string][] = [
    [{ check: 'deep' }, 'check'],
    [{ description: 12 }, 'description'],
    [{ description: 'x'.repeat(10_001) }, 'description'],
    [{ keepDamaged: 'yes' }, 'keepDamaged'],
    [{ backup_type: 'manual' }, 'backup_type'],
  ]
  for (const [request, key] of wrong) {
    expect(failedWith('INVALID_ARGUMENT', await protect(path).createBackup(request)).message).toContain(key)
  }
})

test('a backup directory that is a file is a typed error, and the file stays', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  writeFileSync(join(directory, 'backups'), 'mine')
  const failure = failedWith('IO_FAILED', await protect(path).createBackup())
  expect(failure.message).toContain(join(directory, 'backups'))
  expect(readFileSync(join(directory, 'backups'), 'utf8')).toBe('mine')
})

test('a lock file that is a link is not followed', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  mkdirSync(join(directory, 'backups'))
  writeFileSync(join(directory, 'precious'), 'precious')
  symlinkSync(join(directory, 'precious'), join(directory, 'backups', '.chame-backup.lock'))
  expect((await protect(path).createBackup()).success).toBe(false)
  expect(readFileSync(join(directory, 'precious'), 'utf8')).toBe('precious')
})

test('a database with a second hard link is backed up', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  linkSync(path, join(directory, 'other.db'))
  await backUp(path)
})
