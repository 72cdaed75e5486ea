/** The way of backups of pages that are kept at targets alone, as a test of a place that is given. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { Database, type TargetConfig } from '../../src/index.ts'
import { contentOf as contentToPut } from '../storage/contents.ts'
import { open, read, SIGNAL } from '../storage/contract.ts'
import { openDatabase } from '../support/databases.ts'
import { contentOf } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { succeeded } from '../support/product.ts'
import { type Requirement, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { local, openPlace, type Place } from './place.ts'

export interface OnlyTherePlace {
  readonly name: string
  readonly needs: readonly Requirement[]
  /** A new, empty place. */
  readonly target: () => Promise<TargetConfig>
  /** Whether a second target is beside it, from which what is damaged there is mended. Takes asking it for more. */
  readonly isMended: boolean
}

export function onlyThere({ name, needs, target, isMended }: OnlyTherePlace): void {
  testWith(
    needs,
    `${name}: backups of pages are kept there alone: made, made again with what has changed, restored by a bare machine, ${isMended ? 'mended from another target, ' : ''}cleaned up`,
    async () => {
      const there = await target()
      const place = openPlace([], {
        keepLocal: false,
        encoding: 'blocks',
        timeZone: 'UTC',
        targets: { there, ...(isMended ? { beside: local('beside') } : {}) },
      })
      mkdirSync(place.path('beside'))
      const [older, newer] = await madeTwice(place)
      const listed = await place.database().listBackups()
      expect(listed.map(({ filename, target: at }) => [filename, at])).toEqual([
        [newer, 'there'],
        [older, 'there'],
      ])
      await expectRestoredElsewhere(there, place)
      if (isMended) await expectMended(there, place, newer)

      const cleaned = succeeded(await place.database().cleanupOldBackups({ dailyKeep: 1, target: 'there' }))
      expect(cleaned.targets[0]).toMatchObject({ status: 'done', failed: [], failure: null })
      expect(cleaned.targets[0]?.deleted.map(({ backup }) => backup.filename)).toEqual([older])
      // The newest, by what is left of the packs.
      const verified = succeeded(await place.database().verifyBackup('latest'))
      expect(verified).toMatchObject({ status: 'intact', lookedAt: 'image', backup: { target: 'there' } })
    },
    300_000,
  )
}

/** Their file names. The second one is a small part of the first, and nothing of either is here. */
async function madeTwice(place: Place): Promise<[string, string]> {
  const made: string[] = []
  const added: number[] = []
  const connection = openDatabase(place.databasePath)
  connection.exec(`
    CREATE TABLE blobs (id INTEGER PRIMARY KEY, bytes BLOB);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
    INSERT INTO blobs SELECT i, randomblob(3000) FROM n;
  `)
  for (let number = 0; number < 2; number++) {
    connection.exec('UPDATE blobs SET bytes = randomblob(3000) WHERE id <= 3')
    commitToLedger(connection)
    const { filename, metadata, targets } = succeeded(
      await place.database().createBackup({ backupType: 'daily' }),
    )
    expect(targets.map(({ status }) => status)).not.toContain('failed')
    made.push(filename)
    added.push(metadata.added_bytes ?? 0)
  }
  connection.close()
  expect(added[1]).toBeLessThan((added[0] ?? 0) / 5)
  expect(place.files('backups')).toEqual([])
  return made as [string, string]
}

/** By a machine that has a configuration, and nothing else. */
async function expectRestoredElsewhere(there: TargetConfig, place: Place): Promise<void> {
  const directory = temporaryDirectory()
  const [config, path] = ['config.json', 'app.db'].map(name => join(directory, name)) as [string, string]
  writeFileSync(config, JSON.stringify({ targets: { there }, timeZone: 'UTC' }))
  const database = new Database({ path, backupDir: join(directory, 'backups'), config, engine: 'here' })
  succeeded(await database.restoreBackup('latest', { target: 'there', to: path }))
  expect(contentOf(path)).toEqual(contentOf(place.databasePath))
}

/** What somebody has changed there comes from the other target. */
async function expectMended(there: TargetConfig, place: Place, name: string): Promise<void> {
  const key = `daily/${name}`
  await using target = await open({ config: there })
  const good = Buffer.from(await read(target, key))
  const changed = good.with(60, (good[60] ?? 0) ^ 1)
  await target.put(key, contentToPut(Buffer.from(changed)), { signal: SIGNAL })
  const found = succeeded(await place.database().verifyCopies({ target: 'there' }))
  expect(found.targets).toMatchObject([{ problems: [{ code: 'damaged', path: `there:${key}` }] }])
  expect(succeeded(await place.database().repairBackups()).backups).toMatchObject([
    { filename: name, at: 'there', status: 'repaired', from: 'beside' },
  ])
  expect(Buffer.from(await read(target, key)).equals(good)).toBe(true)
}
