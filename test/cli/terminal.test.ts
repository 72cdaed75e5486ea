import { readdirSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { countMessages, openWorkplace, type Workplace } from './run-cli.ts'
import { hasTerminal, runInTerminal } from './run-in-terminal.ts'

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'

async function openAfterLoss(): Promise<Workplace> {
  const place = openWorkplace()
  await place.json(['create'])
  const database = new DatabaseSync(place.databasePath)
  database.exec('DELETE FROM messages')
  database.close()
  return place
}

/** Locks a database in rollback mode, so that an operation has to wait. */
function lockDatabase(path: string): Disposable {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = delete; BEGIN EXCLUSIVE; DELETE FROM users')
  return { [Symbol.dispose]: () => database.close() }
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => entry.name)
}

// In CI it fails instead.
describe.skipIf(!hasTerminal && process.env['CI'] === undefined)(
  'on a terminal (needs util-linux `script`)',
  () => {
    test('restore shows what would be overwritten and goes on once the name is typed', async () => {
      using place = await openAfterLoss()
      const run = runInTerminal(['restore', 'latest'], place.directory)
      await run.waitFor('to go on:')
      expect(run.screen()).toContain(place.databasePath)
      expect(run.screen()).toContain('chame_backup_manual_')
      run.type('chame\r')
      expect(await run.ended).toBe(0)
      expect(run.screen()).toContain('Restored:')
      expect(countMessages(place.databasePath)).toBe(500)
    })

    test.each([
      ['another name', 'shop\r', 2, 'Restore not confirmed'],
      ['Ctrl-D', CTRL_D, 2, 'Restore not confirmed'],
      ['Ctrl-C', CTRL_C, 130, 'Cancelled'],
    ])('%s at the question changes nothing', async (_name, keys, exit, message) => {
      using place = await openAfterLoss()
      const run = runInTerminal(['restore', 'latest'], place.directory)
      await run.waitFor('to go on:')
      run.type(keys)
      expect(await run.ended).toBe(exit)
      expect(run.screen()).toContain(message)
      expect(countMessages(place.databasePath)).toBe(0)
      expect((await place.json(['list']))['backups']).toHaveLength(1)
    })

    test('--json never asks, not even on a terminal', async () => {
      using place = await openAfterLoss()
      const run = runInTerminal(['restore', 'latest', '--json'], place.directory)
      expect(await run.ended).toBe(2)
      expect(JSON.parse(run.screen())).toMatchObject({ code: 'RESTORE_NOT_CONFIRMED' })
    })

    test('an operation that waits shows its step, and Ctrl-C ends it without a trace', async () => {
      using place = openWorkplace()
      using _lock = lockDatabase(place.databasePath)
      const run = runInTerminal(['create'], place.directory)
      await run.waitFor('…')
      run.type(CTRL_C)
      expect(await run.ended).toBe(130)
      expect(run.screen()).toContain('Error: Cancelled')
      const left = await place.json(['list'])
      expect(left['backups']).toEqual([])
      expect(filesBelow(place.path('backups')).filter(name => name.includes('.db'))).toEqual([])
    })

    test('--quiet shows no progress', async () => {
      using place = openWorkplace()
      const run = runInTerminal(['create', '--quiet'], place.directory)
      expect(await run.ended).toBe(0)
      expect(run.screen()).toBe('')
    })
  },
)
