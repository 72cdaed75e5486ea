/**
 * A process that waits for a message and then backs up and restores without pause until it is killed. It
 * tells its parent every step, and how each operation ended.
 *
 * Usage: fork('loop.ts', [database, backup directory, the backup to restore, 'create' or 'restore' first])
 */
import { once } from 'node:events'
import { Database } from '../../src/index.ts'
import { descendantsOf } from './processes.ts'

export type LoopMessage =
  | { readonly kind: 'step'; readonly pids: readonly number[] }
  | { readonly kind: 'done'; readonly operation: 'create' | 'restore' }
  | { readonly kind: 'failed'; readonly failure: string }

const [path = '', backupDir = '', backup = '', first = 'create'] = process.argv.slice(2)
const database = new Database({ path, backupDir, engine: 'here' })
const tell = (message: LoopMessage): void => void process.send?.(message)
let pids: readonly number[] = []
let lastStep = ''

function onProgress({ step }: { readonly step: string }): void {
  if (step === lastStep) return
  lastStep = step
  // From the second step on the process that reads the database is there.
  if (pids.length === 0) pids = descendantsOf(process.pid)
  tell({ kind: 'step', pids })
}

process.on('disconnect', () => process.exit(0))
await once(process, 'message')
for (let round = first === 'create' ? 0 : 1; ; round++) {
  const operation = round % 2 === 0 ? 'create' : 'restore'
  const result =
    operation === 'create'
      ? await database.createBackup({ onProgress })
      : await database.restoreBackup(backup, { confirm: true, onProgress })
  tell(
    result.success
      ? { kind: 'done', operation }
      : { kind: 'failed', failure: `${operation}: ${result.code}: ${result.message}` },
  )
}
