/** A backup directory of a great many backups, as far as listing them goes. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const HOUR_MS = 3_600_000

/** Daily backups of the database `shop`, each a byte, an hour apart. */
export function placeManyBackups(backupDir: string, count: number): void {
  mkdirSync(join(backupDir, 'daily'), { recursive: true, mode: 0o700 })
  mkdirSync(join(backupDir, 'metadata'), { recursive: true, mode: 0o700 })
  const first = Date.parse('2020-01-01T00:00:00Z')
  for (let i = 0; i < count; i++) {
    const created = new Date(first + i * HOUR_MS).toISOString()
    const [date = '', time = ''] = created.slice(0, 19).split('T')
    const filename = `shop_backup_daily_${date.replaceAll('-', '')}_${time.replaceAll(':', '')}.db`
    writeFileSync(join(backupDir, 'daily', filename), 'x', { mode: 0o600 })
    const metadata = {
      timestamp: `${date}T${time}`,
      backup_type: 'daily',
      database_version: '1',
      file_size: 1,
      checksum: '0'.repeat(64),
      description: `Backup ${i}`,
      created_by: 'test',
      schema: 1,
      created_at: created,
      database: 'shop',
      image_size: 1,
      tables: { users: i, orders: i, items: i },
      check: 'full',
      verified_at: created,
    }
    writeFileSync(join(backupDir, 'metadata', `${filename}.json`), JSON.stringify(metadata, null, 2), {
      mode: 0o600,
    })
  }
}
