/**
 * A process that runs one operation after another, as it is asked, and lives through all their failures: as
 * a service does. Its answers are the product's, word for word.
 */
import { loadProduct } from '../crash/product.ts'
import type { FailedOperation, Order } from '../crash/operation.ts'
import type { DatabaseOptions } from '../../src/index.ts'

export interface Job {
  readonly operation: FailedOperation | 'list' | 'info'
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
  readonly [key: string]: unknown
}

const { Database, BackupError } = await loadProduct()
process.on('message', (job: Job) => void perform(job).then(answer => process.send?.(answer)))
process.send?.('ready')

async function perform({ operation, options, order }: Job): Promise<unknown> {
  const database = new Database(options)
  switch (operation) {
    case 'create':
      return database.createBackup()
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
    case 'cleanup':
      return database.cleanupOldBackups(order.policy === undefined ? {} : { policy: order.policy })
    case 'info':
      return database.info()
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
