import { accessSync, constants } from 'node:fs'
import { missing } from '../support/requirements.ts'
import { shim, SHIM_NEEDS } from './shim.ts'

const MEMORY = '/dev/shm'

/**
 * Puts this process's temporary files into memory, where there is such a place: what fails is what the shim
 * says, so that a real disk would only cost time.
 */
export function quickDisk(): void {
  // Before that, because programs in memory must not run everywhere.
  if (missing(...SHIM_NEEDS).length === 0) shim()
  try {
    accessSync(MEMORY, constants.W_OK)
    process.env['TMPDIR'] = MEMORY
  } catch {
    // Any disk will do.
  }
}
