/**
 * A process that runs one operation and may be killed in it.
 *
 * Usage: node operation.ts '<order as JSON>'. Prints the steps it reaches, one a line; before it kills
 * itself the ids of its descendants; after a success "success".
 */
import { writeSync } from 'node:fs'
import type { Encoding, RetentionPolicy } from '../../src/index.ts'
import { descendantsOf } from './processes.ts'
import { loadProduct } from './product.ts'

/** The operations that the fault matrices run. */
export type Operation = 'create' | 'restore' | 'verify' | 'export' | 'import' | 'cleanup'

export interface Order {
  readonly operation: Operation | 'convert'
  readonly path: string
  readonly backupDir: string
  readonly engine: 'here' | 'process'
  /** The backup to restore or verify. Default: the newest. */
  readonly backup?: string
  /** The configuration file, for backups that are not plain. */
  readonly config?: string
  readonly encoding?: Encoding
  readonly identity?: string
  /** Where an export or an import puts what it makes. */
  readonly to?: string
  readonly format?: 'json' | 'csv' | 'sql' | 'parquet'
  /** The export to import. */
  readonly from?: string
  /** What a cleanup keeps. */
  readonly policy?: RetentionPolicy
  /** Kill this process when the step begins. */
  readonly killAt?: string
}

const order = JSON.parse(process.argv[2] ?? '') as Order
const { Database } = await loadProduct()
const database = new Database({
  path: order.path,
  backupDir: order.backupDir,
  engine: order.engine,
  ...(order.config === undefined ? {} : { config: order.config }),
})
const seen = new Set<string>()

function onProgress({ step }: { readonly step: string }): void {
  if (seen.has(step)) return
  seen.add(step)
  writeSync(1, `step ${step}\n`)
  if (step !== order.killAt) return
  writeSync(1, `pids ${descendantsOf(process.pid).join(' ')}\n`)
  process.kill(process.pid, 'SIGKILL')
}

const { operation, backup = 'latest', to = '', from = '', format = 'json' } = order
const encoding = order.encoding === undefined ? {} : { encoding: order.encoding }
const policy = order.policy === undefined ? {} : { policy: order.policy }
const identity = order.identity === undefined ? {} : { identity: order.identity }
const result = await {
  create: () => database.createBackup({ ...encoding, onProgress }),
  restore: () => database.restoreBackup(backup, { confirm: true, ...identity, onProgress }),
  verify: () => database.verifyBackup(backup, { onProgress }),
  export: () => database.exportData({ format, output: to, force: true, includeSensitive: true, onProgress }),
  import: () => database.importData({ from, to, onProgress }),
  cleanup: () => database.cleanupOldBackups({ ...policy, onProgress }),
  convert: () => database.convertBackups({ ...encoding, ...identity, onProgress }),
}[operation]()
writeSync(1, result.success ? 'success\n' : `failure ${result.code}: ${result.message}\n`)
process.exit(0)
