/** What killed runs left behind, in directories that this process has just seen to be clean. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { forget, isClean, lookAt, noteChange, noteRead } from '../../src/catalog/clean-directories.ts'
import { removeLeftovers, Staging } from '../../src/catalog/staging.ts'
import { buildLedger } from '../support/databases.ts'
import { leftoversIn } from '../restore/scene.ts'
import { asNobody } from '../support/as-nobody.ts'
import { protect, succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** As a killed run leaves it: made, and never disposed of. */
async function leave(backupDir: string, directory: string): Promise<string> {
  const { path } = await Staging.open(backupDir, directory)
  mkdirSync(join(path, 'inside'))
  writeFileSync(join(path, 'half'), 'half')
  return path
}

test('what is left behind between two backups of one process is removed by the second, wherever it lies', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  const backupDir = join(dirname(path), 'backups')
  buildLedger(path)
  const database = protect(path, { engine: 'here' })
  const create = async (): Promise<void> => {
    succeeded(await database.createBackup({ encoding: 'blocks', check: 'none' }))
  }
  for (let i = 0; i < 3; i++) await create()
  const directories = [
    join(backupDir, 'manual'),
    join(backupDir, 'metadata'),
    join(backupDir, 'blocks'),
    dirname(path),
  ]
  for (const directory of directories) {
    const left = await leave(backupDir, directory)
    await create()
    expect(existsSync(left), directory).toBe(false)
    expect(leftoversIn(dirname(path))).toEqual([])
  }
})

testWith(['root'], 'what another user was killed at keeps nobody from making backups', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  const backupDir = join(dirname(path), 'backups')
  buildLedger(path)
  const database = protect(path, { engine: 'here' })
  succeeded(await database.createBackup())
  const left = await leave(backupDir, join(backupDir, 'manual'))
  await asNobody(dirname(path), left, async () => succeeded(await database.createBackup()))
  expect(existsSync(left)).toBe(true)
  succeeded(await database.createBackup())
  expect(leftoversIn(dirname(path))).toEqual([])
})

test('a directory is read again once anything was made in it, and not before', async () => {
  const backupDir = join(temporaryDirectory(), 'backups')
  const directory = join(backupDir, 'manual')
  mkdirSync(directory, { recursive: true })
  const paths = (await Staging.open(backupDir, directory)).path.slice(0, -12)
  await removeLeftovers(backupDir, [])
  // Something was left there, and was removed: it is looked at once more.
  expect(await isClean(paths)).toBe(false)
  await removeLeftovers(backupDir, [])
  expect(await isClean(paths)).toBe(true)
  {
    await using _staging = await Staging.open(backupDir, directory)
    expect(await isClean(paths)).toBe(false)
  }
  expect(await isClean(paths)).toBe(true)
  mkdirSync(`${paths}${'0'.repeat(12)}`)
  expect(await isClean(paths)).toBe(false)
  await removeLeftovers(backupDir, [])
  expect(leftoversIn(backupDir)).toEqual([])
})

test('a directory that nobody has read is not known to be clean, whatever is changed in it', async () => {
  const paths = join(temporaryDirectory(), '.chame-backup-')
  await noteChange(paths)
  expect(await isClean(paths)).toBe(false)
  noteRead(paths, await lookAt(paths))
  expect(await isClean(paths)).toBe(true)
  rmSync(dirname(paths), { recursive: true })
  await noteChange(paths)
  expect(await isClean(paths)).toBe(false)
  forget(paths)
})
