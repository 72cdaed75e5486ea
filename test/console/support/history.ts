/** Backups of earlier days: made now, and dated back, so that the console has a year to show. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { localTime } from '../../../src/catalog/names.ts'
import { Database, type Metadata } from '../../../src/index.ts'
import { succeeded } from '../../support/product.ts'

/** Makes a backup of the database as it is, and dates it `at` (UTC). */
export async function backUpAt(
  path: string,
  { backupDir, type, at }: { readonly backupDir: string; readonly type: string; readonly at: Date },
): Promise<void> {
  const database = new Database({ path, backupDir, timeZone: 'UTC', engine: 'here' })
  const made = succeeded(await database.createBackup({ backupType: type, createdBy: 'scheduler' }))
  const time = localTime(at, 'UTC')
  const filename = made.filename.replace(/\d{8}_\d{6}(_\d+)?/, time.compact)
  const metadataDir = join(backupDir, 'metadata')
  const metadataPath = join(metadataDir, `${made.filename}.json`)
  const metadata = JSON.parse(readFileSync(metadataPath, 'utf8')) as Metadata
  metadata.timestamp = time.timestamp
  metadata.created_at = at.toISOString()
  metadata.verified_at = at.toISOString()
  writeFileSync(metadataPath, `${JSON.stringify(metadata, null, 2)}\n`)
  renameSync(made.backupPath, join(dirname(made.backupPath), filename))
  renameSync(metadataPath, join(metadataDir, `${filename}.json`))
}
