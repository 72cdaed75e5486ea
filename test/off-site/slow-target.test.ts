/** A target to which little goes at a time, beside an application that goes on writing. */
import { statSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Progress } from '../../src/index.ts'
import { openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { succeeded } from '../support/product.ts'
import { local, openPlace } from './place.ts'

/** The database has three times as many. */
const BANDWIDTH = '1MB'
const BALLAST_BYTES = 3_000_000

test('a slow target does not hold on to the write-ahead log: the application empties it while the backup is on its way', async () => {
  const place = openPlace(['far'], { targets: { far: local('far', { bandwidth: BANDWIDTH }) } })
  using application = openDatabase(place.databasePath, { journalMode: 'wal' })
  application.exec(`CREATE TABLE ballast (a); INSERT INTO ballast VALUES (randomblob(${BALLAST_BYTES}))`)
  const { commits: before } = assertIntact(place.databasePath)
  const emptied: unknown[] = []
  const made = await place.database().createBackup({
    onProgress({ step, doneBytes }: Progress) {
      if (step !== 'copy-off-site' || doneBytes === undefined || emptied.length > 0) return
      commitToLedger(application)
      const { busy } = application.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() ?? {}
      emptied.push({ busy, bytes: statSync(`${place.databasePath}-wal`).size })
    },
  })
  const { filename } = succeeded(made)
  expect(made).toMatchObject({ targets: [{ name: 'far', status: 'copied' }] })
  // Neither a reader nor a lock was in its way.
  expect(emptied).toEqual([{ busy: 0, bytes: 0 }])
  expect(assertIntact(place.path('far', 'manual', filename))).toEqual({ commits: before })
})
