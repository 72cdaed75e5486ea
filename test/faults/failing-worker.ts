/**
 * A process that runs one operation after another, as it is asked, and lives through all their failures: as
 * a service does. Its answers are the product's, word for word.
 */
import { loadProduct } from '../crash/product.ts'
import type { FailedOperation, Order } from '../crash/operation.ts'
import type { DatabaseOptions } from '../../src/index.ts'

export interface Job {
  readonly operation: FailedOperation | 'list' | 'info' | 'look'
  /** What else it is told. */
  readonly order: Partial<Order>
  readonly options: DatabaseOptions
}

/** What the product answered: a report or a failure; for a list the list itself. */
export interface Answer {
  readonly success: boolean
  readonly code?: string
  readonly message?: string
  readonly hint?: string
  /** It is of one thing among several that the operation was to do, and has no hint of its own. */
  readonly isPart?: true
  readonly [key: string]: unknown
}

const { Database, BackupError } = await loadProduct()
process.on('message', (job: Job) => void perform(job).then(answer => process.send?.(answer)))
process.send?.('ready')

async function perform({ operation, options, order }: Job): Promise<unknown> {
  const database = new Database(options)
  switch (operation) {
    case 'create':
      return database.createBackup(order.encoding === undefined ? {} : { encoding: order.encoding })
    case 'restore':
      return database.restoreBackup('latest', { confirm: true })
    case 'verify':
      return database.verifyBackup('latest')
    case 'export': {
      const { format = 'json', to: output = '' } = order
      return database.exportData({ format, output, force: true, includeSensitive: true })
    }
    case 'import':
      return database.importData({ from: order.from ?? '', to: order.to ?? '' })
    case 'add':
      return database.addBackup(order.from ?? '')
    case 'cleanup': {
      const cleaned = await database.cleanupOldBackups(
        order.policy === undefined ? {} : { policy: order.policy },
      )
      if (!cleaned.success) return cleaned
      const { failed, packs } = cleaned
      const message = failed[0]?.message ?? (packs?.status === 'failed' ? packs.problem : undefined)
      return message === undefined ? cleaned : { success: false, message, isPart: true }
    }
    case 'convert': {
      const converted = await database.convertBackups(
        order.encoding === undefined ? {} : { encoding: order.encoding },
      )
      const [failed] = converted.success ? converted.failed : []
      return failed === undefined ? converted : { ...failed, success: false, isPart: true }
    }
    case 'drill': {
      const drilled = await database.drillBackup()
      if (!drilled.success || drilled.status === 'passed') return drilled
      const { message = '' } = drilled.checks.find(({ status }) => status === 'failed') ?? {}
      return { success: false, code: 'a verdict', message, isPart: true }
    }
    case 'info':
      return database.info()
    case 'look':
      return database.lookInside('latest')
    case 'list':
      try {
        return { success: true, backups: await database.listBackups() }
      } catch (error) {
        if (!(error instanceof BackupError)) throw error
        const { code, message, hint } = error
        return { success: false, code, message, hint }
      }
  }
}
