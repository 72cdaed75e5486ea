/** SIGKILL at every named step of what makes, converts and restores backups that are not plain. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Encoding, Step } from '../../src/index.ts'
import { runOperation, type OrderOf, type Outcome } from '../crash/run-operation.ts'
import { openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { succeeded } from '../support/product.ts'
import { filesBelow } from '../support/temporary.ts'
import { leftoversIn, openScene } from '../restore/scene.ts'
import { COMMITS, openPlace, type Place } from './place.ts'

interface Scenario {
  readonly title: string
  readonly stored: Encoding
  readonly order: Pick<OrderOf, 'operation' | 'encoding'>
  readonly journalMode: 'wal' | 'delete'
  /** Where it is killed: what goes before is as with a plain backup. */
  readonly steps: readonly Step[]
}

const scenarios: readonly Scenario[] = [
  {
    title: 'a zstd backup in rollback mode',
    stored: 'plain',
    order: { operation: 'create', encoding: 'zstd' },
    journalMode: 'delete',
    steps: ['check-image', 'encode-image', 'sync-image', 'publish-image'],
  },
  {
    title: 'an encrypted backup in WAL mode',
    stored: 'zstd',
    order: { operation: 'create', encoding: 'zstd+age' },
    journalMode: 'wal',
    steps: ['encode-image', 'sync-image', 'check-image', 'publish-image', 'write-metadata'],
  },
  {
    title: 'the restore of an encrypted backup',
    stored: 'zstd+age',
    order: { operation: 'restore' },
    journalMode: 'wal',
    steps: ['verify-backup', 'inspect-target', 'pre-restore-backup', 'apply-image', 'compare-target'],
  },
  {
    title: 'a conversion to zstd+age',
    stored: 'plain',
    order: { operation: 'convert', encoding: 'zstd+age' },
    journalMode: 'wal',
    steps: [
      'encode-image',
      'sync-image',
      'check-image',
      'write-metadata',
      'publish-image',
      'mark-deleted',
      'delete-image',
      'delete-metadata',
    ],
  },
]

test.each(scenarios)(
  '$title that is killed at any step loses no backup, and the next run tidies up',
  async ({ stored, order, journalMode, steps }) => {
    for (const step of steps) {
      const place = await prepared(stored, journalMode)
      const outcome = await runIn(place, { ...order, killAt: step })
      expect(outcome.signal, step).toBe('SIGKILL')
      expect([COMMITS, COMMITS + 1], step).toContain(assertIntact(place.databasePath).commits)
      await expectBackedUp(place, step)
      expect((await runIn(place, order)).answer, step).toBe('success')
      expect(leftoversIn(place.directory), step).toEqual([])
      await expectBackedUp(place, step)
      if (order.operation === 'convert') expectOneForm(place, step)
    }
  },
  300_000,
)

interface Prepared extends Place {
  /** Of the first backup. */
  readonly imageChecksum: string | undefined
}

/** One backup of {@link COMMITS}, and a database that has gone on since. */
async function prepared(encoding: Encoding, journalMode: Scenario['journalMode']): Promise<Prepared> {
  const place = await openPlace({ journalMode })
  const first = succeeded(await place.product().createBackup({ encoding, description: 'the first' }))
  const connection = openDatabase(place.databasePath, { journalMode })
  commitToLedger(connection)
  connection.close()
  return { ...place, imageChecksum: first.metadata.image_checksum }
}

function runIn(place: Place, order: OrderOf): Promise<Outcome> {
  place.product()
  const config = join(place.directory, '0.config.json')
  if (!existsSync(config)) throw new Error('there is no configuration')
  const full = { config, identity: place.identity, ...order }
  const { directory, databasePath, backupDir } = place
  return runOperation({ ...openScene(directory), databasePath, backupDir }, full)
}

/** The backup that was there is there, in whatever form, and so is each that is listed. */
async function expectBackedUp(place: Prepared, step: string): Promise<void> {
  const { identity } = place
  const database = place.product()
  const listed = await database.listBackups()
  for (const { filename } of listed) {
    const verified = succeeded(await database.verifyBackup(filename, { identity }))
    expect(verified, `${step}: ${filename}`).toMatchObject({ status: 'intact', lookedAt: 'image' })
  }
  const first = listed.filter(({ description }) => description === 'the first')
  expect([1, 2], step).toContain(first.length)
  const images = first.map(({ metadata }) => metadata?.image_checksum)
  expect(new Set(images), step).toEqual(new Set([place.imageChecksum]))
}

function expectOneForm(place: Place, step: string): void {
  const { backupDir } = place
  const stored = filesBelow(join(backupDir, 'manual'))
  expect(stored, step).toHaveLength(1)
  expect(filesBelow(join(backupDir, 'metadata')), step).toEqual([`${stored[0]}.json`])
}
