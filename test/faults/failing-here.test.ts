/** Every call that fails, in every way that it can, with the engine in process; those of a restore have a file of their own. */
import { failEveryCall } from './failing-loop.ts'
import { FAILING_LOOPS } from './failing-scenarios.ts'
import { quickDisk } from './failing-disk.ts'
import { isFull } from './extent.ts'
import { SHIM_NEEDS } from './shim.ts'
import { testWith } from '../support/requirements.ts'

const FULL_RUN_MS = 60 * 60_000
const SELECTION_MS = 5 * 60_000

quickDisk()

for (const loop of FAILING_LOOPS.filter(({ operation }) => operation !== 'restore')) {
  testWith(
    SHIM_NEEDS,
    `${loop.name}: whatever call fails, success is true and failure is typed, with the engine in process`,
    () => failEveryCall({ ...loop, engine: 'here' }),
    isFull ? FULL_RUN_MS : SELECTION_MS,
  )
}
