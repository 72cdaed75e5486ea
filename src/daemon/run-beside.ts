import type { JobState, LastRun } from '../schedule/state.ts'
import { readState } from '../schedule/state-file.ts'
import { perform } from './perform.ts'
import type { RunningPorts } from './ports.ts'
import type { RunReport } from './reports.ts'
import { newJob } from './state-book.ts'
import type { Task } from './task.ts'

/**
 * Runs a task once, in the directory of a scheduler that is at work: the catalog's lock keeps what both do apart. The state
 * file is that scheduler's and stays as it is, and so does its schedule. Never rejects for what the task does.
 */
export async function runBeside(
  task: Task,
  {
    backupDir,
    ports,
    stop,
  }: { readonly backupDir: string; readonly ports: RunningPorts; readonly stop: AbortSignal },
): Promise<RunReport> {
  const { clock } = ports
  const startedAt = clock.now()
  const result = await perform(task, { ports, dueAt: startedAt, made: null, stop, graceMs: 0 })
  const lastRun: LastRun = {
    dueAt: startedAt.toISOString(),
    startedAt: startedAt.toISOString(),
    endedAt: clock.now().toISOString(),
    outcome: result.success ? 'succeeded' : result.code === 'CANCELLED' ? 'cancelled' : 'failed',
    attempts: 1,
    summary: result.success ? result.summary : null,
    failure: result.success ? null : { code: result.code, message: result.message, hint: result.hint },
  }
  return { ...(await stateOf(task, backupDir, startedAt)), lastRun }
}

/** What the scheduler that is at work knows of it. */
async function stateOf(task: Task, backupDir: string, now: Date): Promise<JobState> {
  const state = await readState(backupDir)
  const known = state === 'missing' || state === 'damaged' ? [] : state.jobs
  const { job, settings } = task
  return known.find(each => each.job === job.name && each.database === settings.name) ?? newJob(task, now)
}
