import { existsSync, readFileSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { countMessages, openWorkplace, type Workplace } from './run-cli.ts'

/** A workplace with a backup of 500 messages, of which the database has lost all but one. */
async function openAfterLoss(): Promise<Workplace & { readonly filename: string }> {
  const place = openWorkplace()
  const { filename } = await place.json(['create', '--description', 'Before the loss'])
  const database = new DatabaseSync(place.databasePath)
  database.exec('DELETE FROM messages WHERE id > 1')
  database.close()
  return Object.assign(place, { filename: String(filename) })
}

test('restore <file> --confirm brings the data back and keeps what was there', async () => {
  using place = await openAfterLoss()
  const restored = await place.cli(['restore', place.filename, '--confirm'])
  expect(restored).toMatchObject({ exit: 0, stderr: '' })
  expect(restored.stdout).toContain(`Restored: ${place.databasePath}`)
  expect(countMessages(place.databasePath)).toBe(500)
  const kept = /what was there before: (.+)/.exec(restored.stdout)?.[1] ?? ''
  expect(countMessages(kept)).toBe(1)
})

test.each(['path', 'file name', 'latest'])('a backup can be given by its %s', async form => {
  using place = await openAfterLoss()
  const backup = { path: `backups/manual/${place.filename}`, 'file name': place.filename }[form] ?? 'latest'
  expect(await place.json(['restore', backup, '--confirm'])).toMatchObject({ dryRun: false })
  expect(countMessages(place.databasePath)).toBe(500)
})

test('without a terminal and without --confirm nothing is overwritten', async () => {
  using place = await openAfterLoss()
  const refused = await place.cli(['restore', 'latest'])
  expect(refused).toMatchObject({ exit: 2, stdout: '' })
  expect(refused.stderr).toContain('Error: Restore not confirmed')
  const json = await place.cli(['restore', 'latest', '--json'])
  expect(json).toMatchObject({ exit: 2, stderr: '' })
  expect(JSON.parse(json.stdout)).toMatchObject({ success: false, code: 'RESTORE_NOT_CONFIRMED' })
  expect(countMessages(place.databasePath)).toBe(1)
})

test('restore --to a new path needs no confirmation', async () => {
  using place = await openAfterLoss()
  expect(await place.cli(['restore', 'latest', '--to', 'copy.db'])).toMatchObject({ exit: 0 })
  expect(countMessages(place.path('copy.db'))).toBe(500)
  expect(await place.cli(['restore', 'latest', '--to', 'copy.db'])).toMatchObject({ exit: 2 })
  expect(countMessages(place.databasePath)).toBe(1)
})

test('a database that is missing is restored too, once confirmed', async () => {
  using place = await openAfterLoss()
  for (const suffix of ['', '-wal', '-shm']) rmSync(place.databasePath + suffix, { force: true })
  expect(await place.cli(['restore', 'latest'])).toMatchObject({ exit: 2 })
  expect(existsSync(place.databasePath)).toBe(false)
  expect(await place.cli(['restore', 'latest', '--confirm'])).toMatchObject({ exit: 0 })
  expect(countMessages(place.databasePath)).toBe(500)
})

test('restore --dry-run says what would happen and touches nothing', async () => {
  using place = await openAfterLoss()
  const before = readFileSync(place.databasePath)
  const planned = await place.cli(['restore', 'latest', '--dry-run'])
  expect(planned).toMatchObject({ exit: 0, stderr: '' })
  expect(planned.stdout).toContain(`Would restore: ${place.databasePath}`)
  expect(planned.stdout).toContain('Nothing was changed.')
  expect(readFileSync(place.databasePath).equals(before)).toBe(true)
  expect((await place.json(['list']))['backups']).toHaveLength(1)
})

test('a backup that does not exist is named in the error', async () => {
  using place = await openAfterLoss()
  const failed = await place.cli(['restore', 'nowhere.db', '--confirm'])
  expect(failed).toMatchObject({ exit: 10, stdout: '' })
  expect(failed.stderr).toMatch(/^Error: .*nowhere\.db/)
  expect(existsSync(place.path('nowhere.db'))).toBe(false)
})
