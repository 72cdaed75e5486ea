/**
 * A process that runs one operation on backups at targets and may be killed in it.
 *
 * Usage: node tend.ts '<order as JSON>'. Prints "success" or "failure …".
 */
import { writeSync } from 'node:fs'
import { loadProduct } from '../crash/product.ts'

export interface TendOrder {
  readonly operation: 'create' | 'sync' | 'delete' | 'cleanup' | 'repair' | 'verifyCopies'
  readonly path: string
  readonly backupDir: string
  readonly config: string
  /** The backup to delete at the target `far`. */
  readonly backup?: string
}

const {
  operation,
  path,
  backupDir,
  config,
  backup = 'latest',
} = JSON.parse(process.argv[2] ?? '') as TendOrder
const { Database } = await loadProduct()
const database = new Database({ path, backupDir, config, engine: 'here' })
const result = await {
  create: () => database.createBackup(),
  sync: () => database.syncTargets(),
  delete: () => database.deleteBackup(backup, { target: 'far', confirm: true, force: true }),
  cleanup: () => database.cleanupOldBackups({ target: 'far', dailyKeep: 1 }),
  repair: () => database.repairBackups(),
  verifyCopies: () => database.verifyCopies(),
}[operation]()
writeSync(1, result.success ? 'success\n' : `failure ${result.code}: ${result.message}\n`)
process.exit(0)
