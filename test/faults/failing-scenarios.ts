/** The operations whose calls fail, and what they find on the disk. */
import type { FailedOperation } from '../crash/operation.ts'
import { isFull, SEED } from './extent.ts'
import type { Loop } from './failing-loop.ts'
import { SCENARIOS, type Scenario } from './matrix-scenarios.ts'
import { STORED_SCENARIOS } from './matrix-stored-scenarios.ts'

/** A selection takes so many runs of each of those that share most of their calls with others. */
const DRAWN = 5
/** Of an export, each run of which starts processes of its own, it takes so many. */
const DRAWN_OF_EXPORT = 15
/** And one of so many of them. */
const STORED_SHARE = 3

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
  { ...loopOf('exportJson'), drawn: DRAWN_OF_EXPORT },
  // It makes the same calls as the one above.
  ...(isFull ? [loopOf('exportCsv')] : []),
  loopOf('importSql'),
]

/** What is stored in other ways, and what tends it. */
export const ALL_STORED: readonly Omit<Loop, 'engine'>[] = [
  storedLoop('createZstd'),
  storedLoop('createEncrypted'),
  storedLoop('createBlocksFirst'),
  storedLoop('createBlocksNext'),
  storedLoop('restoreBlocks'),
  { ...loopOf('exportParquet'), drawn: DRAWN },
  { ...loopOf('cleanup'), drawn: DRAWN },
  storedLoop('cleanupBlocks'),
  storedLoop('convertZstd'),
  storedLoop('convertBlocks'),
  storedLoop('drill'),
  storedLoop('add'),
]

/** A selection has some of them, by the seed. */
export const FAILING_STORED: readonly Omit<Loop, 'engine'>[] = ALL_STORED.filter(
  (_, index) => isFull || (index + SEED) % STORED_SHARE === 0,
)

function loopOf(key: keyof typeof SCENARIOS): Omit<Loop, 'engine'> {
  return loopOn(SCENARIOS[key])
}

function storedLoop(key: Exclude<keyof typeof STORED_SCENARIOS, 'sync' | 'schedule'>): Omit<Loop, 'engine'> {
  return { ...loopOn(STORED_SCENARIOS[key]), drawn: DRAWN }
}

function loopOn(scenario: Scenario<FailedOperation>): Omit<Loop, 'engine'> {
  return { name: scenario.name, scenario, operation: scenario.operation }
}
