/**
 * A process that makes, cleans up, restores or verifies backups of pages, and may be killed in it.
 *
 * Usage: node run-backup.ts '<order as JSON>'. Prints "success", or "failure …".
 */
import { writeSync } from 'node:fs'
import { Database } from '../../src/index.ts'

export interface BackupOrder {
  readonly operation: 'create' | 'cleanup' | 'restore' | 'verify'
  readonly path: string
  readonly backupDir: string
  /** Where the latest is restored to. */
  readonly to?: string
}

const { operation, path, backupDir, to = '' } = JSON.parse(process.argv[2] ?? '') as BackupOrder
const database = new Database({ path, backupDir, engine: 'here' })
const result = await {
  create: () => database.createBackup({ encoding: 'blocks', backupType: 'daily' }),
  cleanup: () => database.cleanupOldBackups({ policy: { daily: { keepLast: 1 } } }),
  restore: () => database.restoreBackup('latest', { to }),
  verify: () => database.verifyBackup('latest'),
}[operation]()
writeSync(1, result.success ? 'success' : `failure ${result.code}: ${result.message}`)
process.exit(0)
