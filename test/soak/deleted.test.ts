/** A file that is deleted while it is read. */
import { existsSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { beginRead, endRead } from '../../src/sqlite/reader.ts'
import { buildLedger } from '../support/databases.ts'
import { backUpThenChange, expectCommit, NOW, openScene } from '../restore/scene.ts'
import { temporaryDirectory } from '../support/temporary.ts'

test('a database that is deleted while it is read stays deleted, although its empty WAL is still there', () => {
  const path = `${temporaryDirectory()}/app.db`
  buildLedger(path)
  beginRead(path, 0)
  rmSync(path)
  expect(existsSync(`${path}-wal`)).toBe(true)
  endRead()
  expect(existsSync(path)).toBe(false)
})

test('a database that nobody has open is left without the WAL that reading it made', () => {
  const path = `${temporaryDirectory()}/app.db`
  buildLedger(path)
  beginRead(path, 0)
  endRead()
  expect(existsSync(path)).toBe(true)
  expect(existsSync(`${path}-wal`)).toBe(false)
})

test('a stored backup that disappears while it is restored is named, and the database is left alone', async () => {
  const scene = openScene()
  const { backupPath } = await backUpThenChange(scene)
  const result = await scene.product({ engine: 'here' }).restoreBackup(backupPath, {
    confirm: true,
    onProgress: ({ step }) => {
      if (step === 'apply-image') rmSync(backupPath, { force: true })
    },
  })
  expect(result).toMatchObject({ success: false, message: expect.stringContaining(backupPath) })
  expect(result).not.toMatchObject({ code: 'UNEXPECTED' })
  expectCommit(scene.databasePath, NOW)
})
