/**
 * A process that makes, cleans up or deletes backups of pages, and may be killed in it.
 *
 * Usage: node run-backup.ts '<order as JSON>'. Prints "success", or "failure …".
 */
import { writeSync } from 'node:fs'
import { Database } from '../../src/index.ts'

export interface BackupOrder {
  readonly operation: 'create' | 'cleanup'
  readonly path: string
  readonly backupDir: string
}

const { operation, path, backupDir } = JSON.parse(process.argv[2] ?? '') as BackupOrder
const database = new Database({ path, backupDir, engine: 'here' })
const result = await (operation === 'create'
  ? database.createBackup({ encoding: 'blocks', backupType: 'daily' })
  : database.cleanupOldBackups({ policy: { daily: { keepLast: 1 } } }))
writeSync(1, result.success ? 'success' : `failure ${result.code}: ${result.message}`)
process.exit(0)
