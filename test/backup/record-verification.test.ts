import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { metadataPath } from '../../src/catalog/layout.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { buildLedger } from '../support/databases.ts'
import { storedFiles, temporaryDirectory } from '../support/temporary.ts'

async function backedUp() {
  const path = join(temporaryDirectory(), 'chame.db')
  buildLedger(path)
  const made = await backUp(path)
  const backupDir = dirname(dirname(made.backupPath))
  const metadata = metadataPath(backupDir, made.filename)
  const read = (): Record<string, unknown> =>
    JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, unknown>
  return { path, made, backupDir, metadata, read, database: protect(path) }
}

test('a verification that is to be recorded notes when it passed, and leaves all else as it was', async () => {
  const { made, metadata, read, database, backupDir } = await backedUp()
  writeFileSync(metadata, JSON.stringify({ ...read(), of_a_later_version: { kept: true } }))
  const files = storedFiles(backupDir)
  const before = read()
  const verified = succeeded(await database.verifyBackup(made.filename, { record: true }))
  expect(verified).toMatchObject({ status: 'intact', recorded: true })
  const { verified_at: at, ...rest } = read()
  const { verified_at: atBefore, ...restBefore } = before
  expect(rest).toEqual(restBefore)
  expect(Date.parse(String(at))).toBeGreaterThan(Date.parse(String(atBefore)))
  expect(storedFiles(backupDir)).toEqual(files)
})

test('damage is noted, and taken back once the backup is whole again', async () => {
  const { made, read, database } = await backedUp()
  const whole = readFileSync(made.backupPath)
  const damaged = Buffer.from(whole)
  damaged.fill(0xa5, 4096, 4200)
  writeFileSync(made.backupPath, damaged)
  expect(await database.verifyBackup(made.filename, { record: true })).toMatchObject({
    status: 'damaged',
    recorded: true,
  })
  expect(read()).toMatchObject({ verified_at: null, damaged_at: expect.stringMatching(/^20/) as unknown })
  const info = succeeded(await database.info())
  expect(info.backups).toMatchObject({ lastGood: null, count: 1 })
  writeFileSync(made.backupPath, whole)
  await database.verifyBackup(made.filename, { record: true })
  expect(read()).not.toHaveProperty('damaged_at')
  expect(succeeded(await database.info()).backups.lastGood?.filename).toBe(made.filename)
})

test('unless asked for, and where no check was made, nothing is recorded', async () => {
  const { made, read, database } = await backedUp()
  const before = read()
  expect(await database.verifyBackup(made.filename)).toMatchObject({ recorded: false })
  expect(await database.verifyBackup(made.filename, { check: 'none', record: true })).toMatchObject({
    status: 'intact',
    recorded: false,
  })
  expect(read()).toEqual(before)
})

test('a backup without metadata, or elsewhere, is verified without being recorded', async () => {
  const { made, metadata, database, path } = await backedUp()
  const elsewhere = join(dirname(path), 'copy.db')
  writeFileSync(elsewhere, readFileSync(made.backupPath))
  expect(await database.verifyBackup(elsewhere, { record: true })).toMatchObject({
    status: 'intact',
    recorded: false,
  })
  rmSync(metadata)
  expect(await database.verifyBackup(made.filename, { record: true })).toMatchObject({ recorded: false })
})

test('a record that is no boolean is refused', async () => {
  const { made, database } = await backedUp()
  failedWith(
    'INVALID_ARGUMENT',
    await database.verifyBackup(made.filename, { record: 'yes' as unknown as boolean }),
  )
})
