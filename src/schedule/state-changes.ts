/**
 * What has changed of a large state since it was written as a whole: a line for each change, appended and flushed. Of
 * thousands of jobs the whole takes longer to write than a small backup takes to be made.
 */
import { constants, open, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Durability, isThere, syncDirectory } from '../storage/durable.ts'
import { during, isNotThere } from '../storage/io-errors.ts'
import type { DatabaseState, JobState, SchedulerState } from './state.ts'

/** One line. */
export interface StateChange {
  readonly updatedAt: string
  readonly databases: Readonly<Record<string, DatabaseState>>
  readonly jobs: readonly JobState[]
}

/** @param id of the state that was written as a whole, `changes` in it */
export function changesPath(backupDir: string, id: string): string {
  return join(backupDir, `scheduler-state-${id}.changes`)
}

/** Appends a change, which survives a power cut then. After a failure nothing more may be appended: its line may be cut short. */
export async function appendChange(path: string, change: StateChange, durability: Durability): Promise<void> {
  const isNew = !(await isThere(path))
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW
  await during('write', path, async () => {
    await using handle = await open(path, flags, 0o600)
    await handle.writeFile(`${JSON.stringify(change)}\n`)
    if (durability.isDurable) await handle.sync()
  })
  if (isNew) await syncDirectory(dirname(path), durability)
}

/**
 * The state with what has changed since. What follows a line that is not whole counts for nothing: it was being written
 * when the machine went down.
 *
 * @param parse null for a line that is no change
 */
export async function withChanges(
  state: SchedulerState,
  path: string,
  parse: (line: string) => StateChange | null,
): Promise<SchedulerState> {
  const jobs = new Map(state.jobs.map(job => [keyOf(job), job]))
  const databases = new Map(Object.entries(state.databases))
  let { updatedAt } = state
  for (const line of (await textOf(path)).split('\n').slice(0, -1)) {
    const change = parse(line)
    if (change === null) break
    updatedAt = change.updatedAt
    for (const job of change.jobs) jobs.set(keyOf(job), job)
    for (const [name, database] of Object.entries(change.databases)) databases.set(name, database)
  }
  return { ...state, updatedAt, jobs: [...jobs.values()], databases: Object.fromEntries(databases) }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, { encoding: 'utf8', flag: constants.O_RDONLY | constants.O_NOFOLLOW })
  } catch (error) {
    if (isNotThere(error)) return ''
    throw error
  }
}

function keyOf({ job, database }: JobState): string {
  return `${job}/${database}`
}
