/** The tests of failing calls, one for each loop; each test file has some of them, so that they run side by side. */
import { testWith } from '../support/requirements.ts'
import { isFull } from './extent.ts'
import { quickDisk } from './failing-disk.ts'
import { failEveryCall, type Loop } from './failing-loop.ts'
import { SHIM_NEEDS } from './shim.ts'

const FULL_RUN_MS = 60 * 60_000
const SELECTION_MS = 5 * 60_000

export function failingTests(loops: readonly Omit<Loop, 'engine'>[], engine: Loop['engine']): void {
  quickDisk()
  const where = engine === 'here' ? 'in process' : 'in a child'
  for (const loop of loops) {
    testWith(
      SHIM_NEEDS,
      `${loop.name}: whatever call fails, success is true and failure is typed, with the engine ${where}`,
      () => failEveryCall({ ...loop, engine }),
      isFull ? FULL_RUN_MS : SELECTION_MS,
    )
  }
}
