/** A database that lies on another disk than its backups. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { unpackBackup } from '../../src/operations/unpack-backup.ts'
import { openPlace } from '../off-site/place.ts'
import { assertIntact } from '../support/intact.ts'
import { contextOf } from '../support/operation.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'

testWith(
  ['linux'],
  'an encoded backup, whose image cannot be moved there, is restored to another disk',
  async () => {
    const elsewhere = mkdtempSync('/dev/shm/chame-test-')
    onTestFinished(() => rmSync(elsewhere, { recursive: true }))
    expect(statSync(elsewhere).dev).not.toBe(statSync(tmpdir()).dev)
    const place = openPlace()
    succeeded(await place.database().createBackup({ encoding: 'zstd' }))
    mkdirSync(join(elsewhere, 'data'))
    const to = join(elsewhere, 'data', 'new.db')
    expect(succeeded(await place.database().restoreBackup('latest', { to }))).toMatchObject({
      comparison: 'equal',
    })
    expect(assertIntact(to).commits).toBe(20)
    expect(readdirSync(join(elsewhere, 'data'))).toEqual(['new.db'])
  },
)

testWith(
  ['linux'],
  'the database in a backup is unpacked to another disk, however the backup is stored',
  async () => {
    const elsewhere = mkdtempSync('/dev/shm/chame-test-')
    onTestFinished(() => rmSync(elsewhere, { recursive: true }))
    const place = openPlace()
    for (const encoding of ['zstd', 'plain'] as const) {
      const { filename, metadata } = succeeded(await place.database().createBackup({ encoding }))
      const to = join(elsewhere, `${encoding}.db`)
      const unpacked = await unpackBackup({ backup: filename, to }, contextOf({ path: place.databasePath }))
      expect(unpacked.checksum).toBe(metadata.image_checksum)
      expect(assertIntact(to).commits).toBe(20)
    }
  },
)
