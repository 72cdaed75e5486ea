/** The way of sealed backups to a target and back, on a machine that is lost and one that never had anything, as tests of a place that is given. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Config, Database, generateKeys, type TargetConfig } from '../../src/index.ts'
import { keysOf, open, read } from '../storage/contract.ts'
import { openDatabase } from '../support/databases.ts'
import { contentOf } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { succeeded } from '../support/product.ts'
import { type Requirement, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { openPlace } from './place.ts'

export interface SealedPlace {
  readonly name: string
  readonly needs: readonly Requirement[]
  /** A new, empty place. */
  readonly target: () => Promise<TargetConfig>
  /** Whether what is put there stays for a day, whoever deletes it. */
  readonly isLocking?: boolean
}

const FORMS = [
  { encoding: 'zstd+age', what: 'compressed and encrypted' },
  { encoding: 'blocks', what: 'of pages, encrypted' },
] as const

/** Stands in the database, and must not be read anywhere outside it. */
const SECRET = 'a-sentence-that-nobody-at-the-target-may-read'

export function sealedRoundTrips({ name, needs, target, isLocking = false }: SealedPlace): void {
  for (const { encoding, what } of FORMS) {
    const title = `${name}: a backup (${what}) is listed, verified, restored and cleaned up by a machine that has nothing but configuration and key`
    const run = async (): Promise<void> => {
      const there = await target()
      const lost = await backedUp(there, encoding)
      await expectUnreadable(there)
      const machine = bareMachine(there, lost.identity)
      await expectRestored(machine, lost)

      const cleaned = succeeded(await machine.database.cleanupOldBackups({ target: 'there', dailyKeep: 1 }))
      const [newest = '', older = ''] = lost.names
      const [done] = cleaned.targets
      expect(done).toMatchObject({ status: 'done', failed: [], failure: null })
      const named = (
        decisions: readonly { readonly backup: { readonly filename: string } }[] = [],
      ): string[] => decisions.map(({ backup }) => backup.filename)
      if (isLocking) {
        expect(done?.kept.find(({ backup }) => backup.filename === older)).toMatchObject({
          keptBy: ['locked'],
          why: expect.stringContaining('is locked until'),
        })
        expect(named(done?.deleted)).toEqual([])
        await expectRestored(machine, lost)
      } else {
        expect(named(done?.deleted)).toEqual([older])
        await expectRestored(machine, { ...lost, names: [newest] })
        await using raw = await open({ config: there })
        expect((await keysOf(raw)).filter(key => key.includes(older))).toEqual([])
      }
    }
    testWith(needs, title, run, 300_000)
  }
}

interface Lost {
  readonly identity: string
  /** File names, newest first. */
  readonly names: readonly string[]
  /** What each has in it, as SQLite reads it. */
  readonly contents: ReadonlyMap<string, ReturnType<typeof contentOf>>
}

/** Two backups at the target, of a machine that is no more. */
async function backedUp(there: TargetConfig, encoding: Config['encoding'] & string): Promise<Lost> {
  const { recipient, identity } = succeeded(await generateKeys())
  const place = openPlace([], { targets: { there }, encoding, encryption: { recipients: [recipient] } })
  const contents = new Map<string, ReturnType<typeof contentOf>>()
  for (let number = 0; number < 2; number++) {
    const connection = openDatabase(place.databasePath)
    if (number === 0) connection.exec(`CREATE TABLE note (text); INSERT INTO note VALUES ('${SECRET}')`)
    for (let commits = 0; commits < 3; commits++) commitToLedger(connection)
    connection.close()
    const made = succeeded(await place.database().createBackup({ backupType: 'daily' }))
    expect(made.targets).toMatchObject([{ name: 'there', status: 'copied', filename: made.filename }])
    contents.set(made.filename, contentOf(place.databasePath))
  }
  const listed = await place.database().listBackups()
  expect(listed.map(({ copies }) => copies)).toEqual([['there'], ['there']])
  rmSync(place.path(), { recursive: true })
  return { identity: identity ?? '', contents, names: listed.map(({ filename }) => filename) }
}

interface Machine {
  readonly directory: string
  readonly database: Database
}

/** An empty directory, a configuration, and the key in a file. */
function bareMachine(there: TargetConfig, identity: string): Machine {
  const directory = temporaryDirectory()
  const config: Config = {
    targets: { there },
    encryption: { identities: [{ file: 'key.txt' }] },
    timeZone: 'UTC',
  }
  writeFileSync(join(directory, 'key.txt'), `${identity}\n`, { mode: 0o600 })
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config))
  mkdirSync(join(directory, 'restored'))
  // In an engine process of its own, as a program calls it.
  const database = new Database({
    path: join(directory, 'app.db'),
    backupDir: join(directory, 'backups'),
    config: join(directory, 'config.json'),
  })
  return { directory, database }
}

/** Whoever has the target alone finds neither databases nor what is in them. */
async function expectUnreadable(there: TargetConfig): Promise<void> {
  await using target = await open({ config: there })
  const keys = await keysOf(target)
  expect(keys.filter(key => key.startsWith('daily/'))).toHaveLength(2)
  for (const key of keys) {
    const bytes = await read(target, key)
    expect(bytes.includes(SECRET), key).toBe(false)
    expect(bytes.includes('SQLite format 3'), key).toBe(false)
  }
}

/** It lists these backups and no others; each verifies, and restores to what the lost machine had then. */
async function expectRestored({ database, directory }: Machine, { names, contents }: Lost): Promise<void> {
  const listed = await database.listBackups({ target: 'there' })
  expect(listed.map(({ filename, metadataState }) => [filename, metadataState])).toEqual(
    names.map(name => [name, 'ok']),
  )
  for (const name of names) {
    const verified = succeeded(await database.verifyBackup(name, { target: 'there' }))
    expect(verified, name).toMatchObject({ status: 'intact', lookedAt: 'image' })
    const to = join(directory, 'restored', name)
    rmSync(to, { force: true })
    const restored = succeeded(await database.restoreBackup(name, { target: 'there', to }))
    expect(restored).toMatchObject({ comparison: 'equal', backup: { target: 'there' } })
    expect(contentOf(to), name).toEqual(contents.get(name))
  }
  // What was fetched for that is gone again.
  const left = readdirSync(directory, { recursive: true }).filter(path =>
    String(path).includes('.chame-work'),
  )
  expect(left).toEqual([])
  expect(readFileSync(join(directory, 'key.txt'), 'utf8')).toContain('AGE-SECRET-KEY-')
}
