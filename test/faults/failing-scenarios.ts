/** The operations whose calls fail, and what they find on the disk. */
import { isFull } from './extent.ts'
import type { Loop } from './failing-loop.ts'
import { SCENARIOS } from './matrix-scenarios.ts'

export const FAILING_LOOPS: readonly Omit<Loop, 'engine'>[] = [
  loopOf('createWal'),
  loopOf('createRollback'),
  loopOf('createFirst'),
  loopOf('createHotJournal'),
  loopOf('verify'),
  { ...loopOf('verify'), name: 'list', operation: 'list' },
  { ...loopOf('verify'), name: 'info', operation: 'info' },
  loopOf('restoreWal'),
  loopOf('restoreRollback'),
  loopOf('restorePageSize'),
  loopOf('restoreHotJournal'),
  loopOf('restoreMissing'),
  loopOf('restoreGarbage'),
  loopOf('exportJson'),
  // Each run starts processes of its own, and the one above makes the same calls.
  ...(isFull ? [loopOf('exportCsv')] : []),
  loopOf('importSql'),
]

function loopOf(key: keyof typeof SCENARIOS): Omit<Loop, 'engine'> {
  const scenario = SCENARIOS[key]
  return { name: scenario.name, scenario, operation: scenario.operation }
}
