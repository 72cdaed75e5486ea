/**
 * Paths that the operating system refuses for another reason than that nothing is there. A link to itself is one
 * that every user has, root too.
 */
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildLedger } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { storedFiles, temporaryDirectory } from '../support/temporary.ts'

function makeLedger(): { path: string; directory: string; backupDir: string } {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  return { path, directory, backupDir: join(directory, 'backups') }
}

function makeLoop(path: string): string {
  symlinkSync(path, path)
  return path
}

test('metadata that cannot be read is an error, and no backup without metadata', async () => {
  const { path, backupDir } = makeLedger()
  const { filename } = await backUp(path)
  const metadata = join(backupDir, 'metadata', `${filename}.json`)
  rmSync(metadata)
  makeLoop(metadata)
  await expect(protect(path).listBackups()).rejects.toMatchObject({
    code: 'IO_FAILED',
    message: expect.stringContaining(metadata),
  })
  failedWith('IO_FAILED', await protect(path).verifyBackup(filename))
})

test('a path that leads nowhere but to itself is no backup, and is told by its name', async () => {
  const { path, directory } = makeLedger()
  const loop = makeLoop(join(directory, 'loop.db'))
  for (const failure of [
    failedWith('IO_FAILED', await protect(path).verifyBackup(loop)),
    failedWith('IO_FAILED', await protect(path).restoreBackup(loop, { to: join(directory, 'new.db') })),
  ]) {
    expect(failure.message).toContain(loop)
  }
  expect(readdirSync(directory)).not.toContain('new.db')
})

test('a restore to a path that leads nowhere but to itself changes nothing', async () => {
  const { path, directory } = makeLedger()
  const { filename } = await backUp(path)
  const loop = makeLoop(join(directory, 'loop.db'))
  const failure = failedWith(
    'IO_FAILED',
    await protect(path).restoreBackup(filename, { to: loop, confirm: true }),
  )
  expect(failure.message).toContain(loop)
})

test('a restore beside a WAL that cannot be looked at changes nothing', async () => {
  const { path, directory } = makeLedger()
  const { filename } = await backUp(path)
  const target = join(directory, 'target.db')
  buildLedger(target, { commits: 3 })
  makeLoop(`${target}-wal`)
  const failure = failedWith(
    'IO_FAILED',
    await protect(path).restoreBackup(filename, { to: target, confirm: true }),
  )
  expect(failure.message).toContain(`${target}-wal`)
  rmSync(`${target}-wal`)
  expect(assertIntact(target)).toEqual({ commits: 3 })
})

test('the state of a database beside a WAL that cannot be looked at is told, with what is wrong', async () => {
  const { path } = makeLedger()
  makeLoop(`${path}-wal`)
  const info = succeeded(await protect(path).info())
  expect(info.database).toBeNull()
  expect(info.databaseProblem).toContain(`${path}-wal`)
})

test('a backup directory that cannot be looked through is an error, and nothing is stored', async () => {
  const { path, backupDir } = makeLedger()
  mkdirSync(backupDir)
  makeLoop(join(backupDir, 'hourly'))
  const failure = failedWith('IO_FAILED', await protect(path).createBackup())
  expect(failure.message).toContain(join(backupDir, 'hourly'))
  expect(storedFiles(backupDir)).toEqual(['hourly'])
  await expect(protect(path).listBackups()).rejects.toMatchObject({ code: 'IO_FAILED' })
})

test('what lies beside garbage and cannot be read keeps the garbage from being kept, and nothing is left', async () => {
  const { path, backupDir } = makeLedger()
  writeFileSync(path, Buffer.alloc(10_000, 'garbage '))
  makeLoop(`${path}-wal`)
  const failure = failedWith('IO_FAILED', await protect(path).createBackup({ keepDamaged: true }))
  expect(failure.message).toContain(`${path}-wal`)
  expect(readdirSync(join(backupDir, 'manual')).filter(name => !name.endsWith('.damaged'))).toEqual([])
})

test('a lock file that is no database is an error that says so, and stays', async () => {
  const { path, backupDir } = makeLedger()
  mkdirSync(backupDir)
  writeFileSync(join(backupDir, '.chame-backup.lock'), Buffer.alloc(10_000, 'garbage '))
  const failure = failedWith('IO_FAILED', await protect(path).createBackup())
  expect(failure.message).toContain('.chame-backup.lock')
  expect(storedFiles(backupDir)).toEqual([])
})
