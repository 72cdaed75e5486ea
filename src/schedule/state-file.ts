/** The state file in a backup directory: replaced as a whole, durably; what cannot be read counts as not there. */
import { randomBytes } from 'node:crypto'
import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Durability, namesIn, removeFile, renameDurably, writeNewFile } from '../storage/durable.ts'
import { isNotThere } from '../storage/io-errors.ts'
import type { SchedulerState } from './state.ts'

const STATE_FILE = 'scheduler-state.json'
/** Whatever else it may be, a state file is not larger. */
const SIZE_BYTES_MAX = 16 << 20
const TEMPORARY = /^\.scheduler-state-[0-9a-f]{12}$/

export function statePath(backupDir: string): string {
  return join(backupDir, STATE_FILE)
}

/** The state, `missing`, or `damaged`. Never throws: no file may keep a backup from being made. */
export async function readState(backupDir: string): Promise<SchedulerState | 'missing' | 'damaged'> {
  try {
    const path = statePath(backupDir)
    const stats = await lstat(path)
    // Never a link to elsewhere, nor a pipe, whose reading would not end.
    if (!stats.isFile() || stats.size > SIZE_BYTES_MAX) return 'damaged'
    const text = await readFile(path, 'utf8')
    const { parseState } = await import('./parse-state.ts')
    return parseState(text) ?? 'damaged'
  } catch (error) {
    return isNotThere(error) ? 'missing' : 'damaged'
  }
}

/** Replaces the state. A reader sees the old one or the new one; killed at any instant, one of them is there. */
export async function writeState(
  backupDir: string,
  state: SchedulerState,
  durability: Durability,
): Promise<void> {
  const temporary = join(backupDir, `.scheduler-state-${randomBytes(6).toString('hex')}`)
  try {
    await writeNewFile(temporary, `${JSON.stringify(state, null, 2)}\n`, 0o600, durability)
    await renameDurably(temporary, statePath(backupDir), durability)
  } catch (error) {
    await removeFile(temporary).catch(() => {})
    throw error
  }
}

/** Removes what killed writers left. Only for the holder of the scheduler's lock: nobody else writes here. */
export async function removeTemporaryStates(backupDir: string): Promise<void> {
  for (const name of await namesIn(backupDir)) {
    if (TEMPORARY.test(name)) await removeFile(join(backupDir, name))
  }
}
