/**
 * A process that runs one operation and may be killed in it.
 *
 * Usage: node operation.ts '<order as JSON>'. Prints the steps it reaches, one a line; before it kills
 * itself the ids of its descendants; after a success "success".
 */
import { writeSync } from 'node:fs'
import type { Encoding, Failure, RetentionPolicy } from '../../src/index.ts'
import { descendantsOf } from './processes.ts'
import { loadProduct } from './product.ts'

/** The operations of whose calls each is made to fail, too. */
export type FailedOperation =
  | 'create'
  | 'restore'
  | 'verify'
  | 'export'
  | 'import'
  | 'cleanup'
  | 'convert'
  | 'drill'
  | 'add'
/** The operations that the fault matrices run; `schedule` is one run of a job of the scheduler. */
export type Operation = FailedOperation | 'sync' | 'schedule'

export interface Order {
  readonly operation: Operation
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
  /** The export to import, or the file to add. */
  readonly from?: string
  /** What a cleanup keeps. */
  readonly policy?: RetentionPolicy
  /** The job that the scheduler runs. */
  readonly job?: string
  /** Kill this process when the step begins. */
  readonly killAt?: string
}

const order = JSON.parse(process.argv[2] ?? '') as Order
const { Database, Scheduler } = await loadProduct()
const place = {
  path: order.path,
  backupDir: order.backupDir,
  ...(order.config === undefined ? {} : { config: order.config }),
}
const database = new Database({ ...place, engine: order.engine })
const seen = new Set<string>()

function onProgress({ step }: { readonly step: string }): void {
  if (seen.has(step)) return
  seen.add(step)
  writeSync(1, `step ${step}\n`)
  if (step !== order.killAt) return
  writeSync(1, `pids ${descendantsOf(process.pid).join(' ')}\n`)
  process.kill(process.pid, 'SIGKILL')
}

interface Told {
  readonly success?: boolean
  readonly code?: string
  readonly message?: string
}

/** What has failed within something that as a whole is no failure is one here: nothing may call that a success. */
function strictly<Result extends { readonly success: true }>(
  result: Result | Failure,
  failuresIn: (result: Result) => readonly Told[],
): Told {
  const [first] = result.success ? failuresIn(result) : []
  return first === undefined ? result : { ...first, success: false }
}

const { operation, backup = 'latest', to = '', from = '', format = 'json' } = order
const encoding = order.encoding === undefined ? {} : { encoding: order.encoding }
const policy = order.policy === undefined ? {} : { policy: order.policy }
const identity = order.identity === undefined ? {} : { identity: order.identity }
const result: Told = await {
  create: async () =>
    strictly(await database.createBackup({ ...encoding, onProgress }), ({ targets }) =>
      targets.filter(({ status }) => status === 'failed'),
    ),
  restore: () => database.restoreBackup(backup, { confirm: true, ...identity, onProgress }),
  verify: () => database.verifyBackup(backup, { onProgress }),
  export: () => database.exportData({ format, output: to, force: true, includeSensitive: true, onProgress }),
  import: () => database.importData({ from, to, onProgress }),
  add: () => database.addBackup(from, { onProgress }),
  cleanup: () => database.cleanupOldBackups({ ...policy, onProgress }),
  convert: async () =>
    strictly(await database.convertBackups({ ...encoding, ...identity, onProgress }), ({ failed }) => failed),
  drill: async () =>
    strictly(await database.drillBackup({ backup, ...identity, onProgress }), ({ checks }) =>
      checks.filter(({ status }) => status === 'failed'),
    ),
  sync: async () =>
    strictly(await database.syncTargets({ onProgress }), ({ targets }) =>
      targets.flatMap(({ failure, failed }) => [...(failure === null ? [] : [failure]), ...failed]),
    ),
  schedule: async () =>
    strictly(await new Scheduler(place).runOnce(order.job ?? ''), ({ runs }) =>
      runs.flatMap(({ lastRun }) => lastRun?.failure ?? []),
    ),
}[operation]()
writeSync(1, result.success ? 'success\n' : `failure ${result.code}: ${result.message}\n`)
process.exit(0)
