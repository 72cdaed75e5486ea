import { type Failure, toFailure } from '../errors.ts'
import type { Clock } from './clock.ts'
import type { RunningPorts, RunDone } from './ports.ts'
import { nameOf, type Task } from './task.ts'

export interface PerformOptions {
  readonly ports: RunningPorts
  readonly dueAt: Date
  readonly made: string | null
  /** Aborted: the run may go on for `graceMs`, then it is cancelled. */
  readonly stop: AbortSignal
  readonly graceMs: number
  readonly letGo?: () => void
}

/** Runs a task once, within its limits. Never rejects. */
export async function perform(
  task: Task,
  { ports, dueAt, made, stop, graceMs, letGo = () => {} }: PerformOptions,
): Promise<RunDone | Failure> {
  const { clock, runners } = ports
  const { job, database } = task
  const run = runners[job.kind]
  const ended = new AbortController()
  const cancel = new AbortController()
  let isTimedOut = false
  void cancelAfterGrace(clock, { stop, graceMs, ended: ended.signal, cancel })
  if (job.timeoutMs !== null) {
    void clock.delay(job.timeoutMs, ended.signal).then(() => {
      if (ended.signal.aborted) return
      isTimedOut = true
      cancel.abort()
    })
  }
  try {
    const order = { database, job, dueAt, made, signal: cancel.signal, now: () => clock.now(), letGo }
    const result = await run(order)
    const wasCancelled = !result.success && result.code === 'CANCELLED'
    return wasCancelled && isTimedOut ? timedOut(task, job.timeoutMs ?? 0) : result
  } catch (error) {
    return toFailure(error)
  } finally {
    ended.abort()
  }
}

async function cancelAfterGrace(
  clock: Clock,
  {
    stop,
    graceMs,
    ended,
    cancel,
  }: { stop: AbortSignal; graceMs: number; ended: AbortSignal; cancel: AbortController },
): Promise<void> {
  await aborted(AbortSignal.any([stop, ended]))
  await clock.delay(graceMs, ended)
  if (!ended.aborted) cancel.abort()
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function timedOut(task: Task, timeoutMs: number): Failure {
  return {
    success: false,
    code: 'JOB_TIMED_OUT',
    message: `Not done within ${Math.round(timeoutMs / 1000)} s, and so cancelled: ${nameOf(task)} (${task.settings.path})`,
    hint: `Nothing was left behind. Raise "timeout" of the job, or look for what makes it slow.`,
  }
}
