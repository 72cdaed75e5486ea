/**
 * A process that runs one operation on stored backups and may be killed in it.
 *
 * Usage: node tend.ts '<order as JSON>'. Prints "success" and what was deleted, or "failure …".
 */
import { writeSync } from 'node:fs'
import { loadProduct } from '../crash/product.ts'

export interface TendOrder {
  readonly operation: 'cleanup' | 'delete' | 'pin'
  readonly path: string
  readonly backupDir: string
  /** The backup to delete or pin. */
  readonly backup?: string
  /** How many daily backups a cleanup keeps. */
  readonly dailyKeep?: number
}

const {
  operation,
  path,
  backupDir,
  backup = 'latest',
  dailyKeep = 1,
} = JSON.parse(process.argv[2] ?? '') as TendOrder
const { Database } = await loadProduct()
const database = new Database({ path, backupDir, engine: 'here' })
const result = await (operation === 'cleanup'
  ? database.cleanupOldBackups({ dailyKeep })
  : operation === 'delete'
    ? database.deleteBackup(backup, { confirm: true, force: true })
    : database.pinBackup(backup, { reason: 'x'.repeat(5000), by: 'test' }))
writeSync(1, result.success ? 'success\n' : `failure ${result.code}: ${result.message}\n`)
if (result.success && 'failed' in result) writeSync(1, `status ${result.status} ${result.deleted.length}\n`)
process.exit(0)
