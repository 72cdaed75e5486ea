/**
 * A process that waits for orders and carries them out through the library, so that several can be begun
 * at the same instant: starting a process takes longer than an operation lasts.
 *
 * Usage: fork('racer.ts', [database, backup directory, 'process' or 'here', configuration file])
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Database } from '../../src/index.ts'
import type { Order, Outcome } from './races.ts'

const [path = '', backupDir = '', engine = 'here', config = ''] = process.argv.slice(2)
const database = new Database({ path, backupDir, config, engine: engine === 'here' ? 'here' : 'process' })

process.on('message', (order: Order) => void carryOut(order).then(outcome => process.send?.(outcome)))
process.on('disconnect', () => process.exit(0))
process.send?.('ready')

async function carryOut({ operation, backup, delayMs }: Order): Promise<Outcome> {
  await sleep(delayMs)
  const result = await (operation === 'create'
    ? database.createBackup()
    : operation === 'restore'
      ? database.restoreBackup(backup, { confirm: true })
      : database.verifyBackup(backup))
  if (!result.success) return { code: result.code, message: result.message }
  return { code: null, message: 'status' in result ? result.status : '' }
}
