/** What somebody who waits for a backup is told. */
import { expect, test } from 'vitest'
import type { Progress } from '../../src/index.ts'
import { createBackup } from '../../src/operations/create-backup.ts'
import { local, openPlace } from '../off-site/place.ts'
import { buildDatabase } from '../support/databases.ts'
import { contextOf } from '../support/operation.ts'

/** More than is read between two reports. */
const BYTES = 17 << 20

test.each([
  ['kept here as it is', { keepLocal: true }],
  ['kept here compressed', { keepLocal: true, encoding: 'zstd' }],
  ['kept at a target alone', { keepLocal: false, encoding: 'zstd' }],
] as const)(
  'of a database in rollback mode whose backup is %s, the copy is reported in bytes as it goes on',
  async (_, options) => {
    const place = openPlace(['far'], {}, null)
    buildDatabase(place.databasePath, `CREATE TABLE t (v); INSERT INTO t VALUES (zeroblob(${BYTES}))`, {
      journalMode: 'delete',
      pageSize: 65_536,
    })
    const seen: Progress[] = []
    const config = { targets: { far: local('far') }, ...options }
    const onProgress = (progress: Progress): void => void seen.push(progress)
    await createBackup({ check: 'none' }, contextOf({ path: place.databasePath, config, onProgress }))
    const copied = seen.filter(({ step, doneBytes }) => step === 'copy-image' && doneBytes !== undefined)
    expect(copied[0]?.doneBytes).toBeGreaterThan(0)
    expect(copied[0]?.totalBytes).toBeGreaterThan(BYTES)
  },
)
