import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { buildDatabase, buildLedger, openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { HOLD_OPEN, startScript } from '../support/scripts.ts'
import { storedFiles, temporaryDirectory } from '../support/temporary.ts'

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

function overwrite(path: string, position: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, bytes, 0, bytes.length, position)
  closeSync(fd)
}

/** The first page of a table or index, counted from 1. */
function rootPageOf(path: string, name: string): number {
  const connection = new DatabaseSync(path, { readOnly: true })
  const root = connection.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').get(name)?.['rootpage']
  connection.close()
  return Number(root)
}

test.each(['none', 'quick', 'full'] as const)(
  'with check %s the recorded checksum is the stored file’s',
  async check => {
    const path = join(temporaryDirectory(), 'ledger.db')
    buildLedger(path)
    const { backupPath, metadata } = await backUp(path, { check })
    expect(metadata.checksum).toBe(sha256(backupPath))
    expect(metadata.image_checksum).toBe(metadata.checksum)
    expect(metadata.file_size).toBe(statSync(backupPath).size)
    expect(metadata.check).toBe(check)
    const stored: unknown = JSON.parse(
      readFileSync(backupPath.replace('/manual/', '/metadata/') + '.json', 'utf8'),
    )
    expect(stored).toEqual(metadata)
  },
)

test('an image of more than 32 MiB, which is hashed on another core, has its right checksum', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const open = openDatabase(path)
  open.exec(
    'PRAGMA wal_autocheckpoint = 0; CREATE TABLE ballast (a); INSERT INTO ballast VALUES (randomblob(40000000))',
  )
  const { backupPath, metadata } = await backUp(path, { check: 'none' })
  open.close()
  expect(metadata.file_size).toBeGreaterThan(40_000_000)
  expect(metadata.checksum).toBe(sha256(backupPath))
})

test('when a backup was checked is recorded, and that it was not', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const { metadata: checked } = await backUp(path)
  expect(checked.check).toBe('quick')
  expect(Date.parse(checked.verified_at ?? '')).toBeGreaterThanOrEqual(Date.parse(checked.created_at ?? ''))
  expect(checked.tables).toEqual({ accounts: 97, log: 20, payload: 61, state: 1 })
  const { metadata: unchecked } = await backUp(path, { check: 'none' })
  expect(unchecked.verified_at).toBeNull()
  expect(unchecked).not.toHaveProperty('tables')
})

/** Expects a backup to be refused because the database is damaged, with nothing left, and the damage kept on request. */
async function expectDamaged(path: string, request: { check?: 'quick' | 'full' } = {}): Promise<void> {
  const backupDir = join(temporaryDirectory(), 'b')
  const database = protect(path, { backupDir })
  const before = readFileSync(path)
  const { message, hint } = failedWith('DATABASE_DAMAGED', await database.createBackup(request))
  expect(message).toMatch(/^Backup integrity check failed: /)
  expect(message).toContain(path)
  expect(hint).toBeDefined()
  expect(storedFiles(backupDir)).toEqual([])

  const kept = failedWith('DATABASE_DAMAGED', await database.createBackup({ ...request, keepDamaged: true }))
  expect(kept.message).toMatch(/^Backup integrity check failed: /)
  const files = storedFiles(backupDir)
  expect(files.length).toBeGreaterThan(0)
  for (const file of files) {
    expect(file).toMatch(/^manual\/ledger_backup_manual_\d{8}_\d{6}(_\d+)?\.db\.damaged(-wal)?$/)
    expect(kept.hint).toContain(join(backupDir, file))
    expect(statSync(join(backupDir, file)).mode & 0o777).toBe(0o600)
  }
  // What is kept is never taken for a backup.
  expect(await database.listBackups()).toEqual([])
  failedWith('BACKUP_NOT_FOUND', await database.verifyBackup('latest'))
  expect(readFileSync(path)).toEqual(before)
}

test.each(['wal', 'delete'] as const)(
  'a %s database with a destroyed b-tree page is reported as damaged',
  async journalMode => {
    const path = join(temporaryDirectory(), 'ledger.db')
    buildLedger(path, { journalMode })
    overwrite(path, (rootPageOf(path, 'log') - 1) * 4096, Buffer.alloc(200, 0xa5))
    await expectDamaged(path)
  },
)

test('a file that is no database any more is kept on request as it is, with its WAL', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const holder = await startScript(HOLD_OPEN, [path, 'PRAGMA wal_autocheckpoint = 0; CREATE TABLE extra (a)'])
  await holder.kill()
  overwrite(path, 0, Buffer.alloc(100))
  const backupDir = join(temporaryDirectory(), 'b')
  const database = protect(path, { backupDir })
  failedWith('DATABASE_INVALID', await database.createBackup())
  expect(storedFiles(backupDir)).toEqual([])
  const { hint } = failedWith('DATABASE_INVALID', await database.createBackup({ keepDamaged: true }))
  const kept = storedFiles(backupDir)
  expect(kept).toHaveLength(2)
  for (const [i, suffix] of ['', '-wal'].entries()) {
    expect(kept[i]).toMatch(new RegExp(`\\.db\\.damaged${suffix}$`))
    expect(hint).toContain(kept[i])
    expect(readFileSync(join(backupDir, kept[i] ?? ''))).toEqual(readFileSync(`${path}${suffix}`))
  }
  expect(await database.listBackups()).toEqual([])
})

test('an index that disagrees with its table is found by the full check', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  // Index entries lie at the end of the page: another digit in the hash of one makes it point astray.
  const end = rootPageOf(path, 'log_by_hash') * 4096
  const digit = readFileSync(path)[end - 5]
  overwrite(path, end - 5, Buffer.from([digit === 0x66 ? 0x65 : 0x66]))
  await expectDamaged(path, { check: 'full' })
})

test('a damaged schema is reported as damaged', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  overwrite(path, 100, Buffer.alloc(60, 0xff))
  await expectDamaged(path)
})

test('a database that was cut short is reported as damaged', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path, { journalMode: 'delete' })
  truncateSync(path, 10 * 4096)
  await expectDamaged(path)
})

test('a damaged frame in a WAL that a reader holds open is reported as damaged', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const holder = await startScript(HOLD_OPEN, [
    path,
    'PRAGMA wal_autocheckpoint = 0; CREATE TABLE extra (a); INSERT INTO extra VALUES (randomblob(100000)); BEGIN; SELECT * FROM extra',
  ])
  const middle = 32 + 10 * (24 + 4096) + 24 + 2_000
  overwrite(`${path}-wal`, middle, Buffer.from('damage'))
  await expectDamaged(path)
  await holder.kill()
})

test('a WAL that was left behind counts up to its last whole commit, as SQLite reads it', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const holder = await startScript(HOLD_OPEN, [path, 'PRAGMA wal_autocheckpoint = 0; CREATE TABLE extra (a)'])
  await holder.kill()
  appendFileSync(`${path}-wal`, Buffer.alloc(5_000, 0x5a))
  const { backupPath } = await backUp(path)
  expect(assertIntact(backupPath)).toEqual({ commits: 20 })
})

test('every single flipped byte in a structure page is either found or shows in the stored image as it is', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path, { journalMode: 'delete' })
  const good = readFileSync(path)
  const page = (rootPageOf(path, 'accounts') - 1) * 4096
  for (const offset of [0, 1, 3, 5, 8, 9, 40, 4000, 4095]) {
    const bad = Buffer.from(good)
    bad[page + offset] = (bad[page + offset] ?? 0) ^ 0xff
    writeFileSync(path, bad)
    const result = await protect(path).createBackup({ check: 'full' })
    if (result.success) expect(readFileSync(result.backupPath)).toEqual(bad)
    else expect(result.code).toBe('DATABASE_DAMAGED')
  }
})

test('a stored backup whose bits flipped, which grew or which was cut is found damaged, with what is wrong', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const database = protect(path)
  const harm: [string[], (file: string) => void][] = [
    [['CHECKSUM_DIFFERS'], file => overwrite(file, 5 * 4096 + 2_000, Buffer.from([1, 2, 3]))],
    [['SIZE_DIFFERS', 'CHECKSUM_DIFFERS'], file => appendFileSync(file, Buffer.alloc(4096))],
    [['SIZE_DIFFERS', 'CHECKSUM_DIFFERS', 'INTEGRITY'], file => truncateSync(file, 20_000)],
    [['SIZE_DIFFERS', 'CHECKSUM_DIFFERS'], file => truncateSync(file, 0)],
    [['CHECKSUM_DIFFERS', 'NOT_A_DATABASE'], file => overwrite(file, 0, Buffer.alloc(4096, 0x20))],
  ]
  for (const [codes, damage] of harm) {
    const { backupPath, filename } = await backUp(path)
    damage(backupPath)
    const before = readFileSync(backupPath)
    const verified = succeeded(await database.verifyBackup(filename))
    expect(verified.status).toBe('damaged')
    expect(new Set(verified.problems.map(problem => problem.code))).toEqual(new Set(codes))
    expect(verified.checksum).toBe(sha256(backupPath))
    expect(readFileSync(backupPath)).toEqual(before)
  }
})

test('verifying writes nothing, not even beside the backup', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const { filename, backupPath } = await backUp(path)
  const before = storedFiles(join(path, '..', 'backups')).map(file => [
    file,
    statSync(join(path, '..', 'backups', file)).mtimeMs,
  ])
  for (const check of ['none', 'quick', 'full'] as const) {
    const verified = succeeded(await protect(path).verifyBackup(filename, { check }))
    expect(verified).toMatchObject({
      status: 'intact',
      check,
      checksumCompared: true,
      checksum: sha256(backupPath),
    })
  }
  expect(
    storedFiles(join(path, '..', 'backups')).map(file => [
      file,
      statSync(join(path, '..', 'backups', file)).mtimeMs,
    ]),
  ).toEqual(before)
})

test('the version, page size and origin of a backup are in its metadata', async () => {
  const path = join(temporaryDirectory(), 'shop.db')
  buildDatabase(path, 'CREATE TABLE t (a); PRAGMA user_version = 42', { pageSize: 8192 })
  const { metadata } = await backUp(path, {
    description: 'Before "it" — ☃',
    createdBy: 'ann',
    backupType: 'weekly',
  })
  expect(metadata).toMatchObject({
    backup_type: 'weekly',
    created_by: 'ann',
    database: 'shop',
    database_version: '42',
    description: 'Before "it" — ☃',
    encoding: 'plain',
    journal_mode: 'wal',
    page_size: 8192,
    schema: 1,
    tables: { t: 0 },
  })
})
