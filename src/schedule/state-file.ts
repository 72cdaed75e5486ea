/** The state file in a backup directory: replaced as a whole, durably; what cannot be read counts as not there. What changes of a large one meanwhile lies beside it. */
import { randomBytes } from 'node:crypto'
import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Durability, namesIn, removeFile, renameDurably, writeNewFile } from '../storage/durable.ts'
import { isNotThere } from '../storage/io-errors.ts'
import { changesPath, withChanges } from './state-changes.ts'
import type { SchedulerState } from './state.ts'

const STATE_FILE = 'scheduler-state.json'
/** Whatever else it may be, a state file is not larger: room for a hundred thousand jobs. */
const SIZE_BYTES_MAX = 128 << 20
const TEMPORARY = /^\.scheduler-state-[0-9a-f]{12}$/
const CHANGES = /^scheduler-state-([0-9a-f]{12})\.changes$/

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
    const { parseChange, parseState } = await import('./parse-state.ts')
    const state = parseState(text)
    if (state?.changes === undefined) return state ?? 'damaged'
    return await withChanges(state, changesPath(backupDir, state.changes), parseChange)
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

/**
 * Removes what killed writers left. Only for the holder of the scheduler's lock: nobody else writes here.
 *
 * @param changes of the state that holds
 */
export async function removeTemporaryStates(backupDir: string, changes: string | null): Promise<void> {
  for (const name of await namesIn(backupDir)) {
    const [, id] = CHANGES.exec(name) ?? []
    const isLeft = TEMPORARY.test(name) || (id !== undefined && id !== changes)
    if (isLeft) await removeFile(join(backupDir, name))
  }
}
