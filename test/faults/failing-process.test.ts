/** Every call that fails, in every way that it can, with the engine in a child. */
import { failEveryCall } from './failing-loop.ts'
import { FAILING_LOOPS, FAILING_STORED } from './failing-scenarios.ts'
import { quickDisk } from './failing-disk.ts'
import { isFull } from './extent.ts'
import { SHIM_NEEDS } from './shim.ts'
import { testWith } from '../support/requirements.ts'

const FULL_RUN_MS = 60 * 60_000
const SELECTION_MS = 5 * 60_000

quickDisk()

// A selection has what is stored in other ways with the engine in process alone.
for (const loop of [...FAILING_LOOPS, ...(isFull ? FAILING_STORED : [])]) {
  testWith(
    SHIM_NEEDS,
    `${loop.name}: whatever call fails, success is true and failure is typed, with the engine in a child`,
    () => failEveryCall({ ...loop, engine: 'process' }),
    isFull ? FULL_RUN_MS : SELECTION_MS,
  )
}
