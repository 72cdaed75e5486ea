import { type Failure } from '../errors.ts'
import type { NotifyEvent } from '../notify/event.ts'
import { coverage } from '../schedule/due.ts'
import { retryAfter } from '../schedule/retry.ts'
import type { LastRun } from '../schedule/state.ts'
import type { SchedulerLog, SchedulerLogEntry } from './log-entry.ts'
import type { RunningPorts, RunDone } from './ports.ts'
import type { StateBook } from './state-book.ts'
import { fieldsOf, nameOf, type Task } from './task.ts'

/** Notifications that are still under way when the scheduler stops may take so long. */
const FAREWELL_MS = 5_000

/** A job that is interrupted more often is taken for the cause. */
const INTERRUPTIONS_MAX = 3

export interface Run {
  readonly dueAt: Date
  readonly startedAt: Date
  /** 1 for the first. */
  readonly attempt: number
}

interface Circumstances {
  readonly isStopping: boolean
  /** All tasks of the directory. */
  readonly tasks: readonly Task[]
}

/** What follows from a run: the state, the log, and who is told. */
export class Settlement {
  readonly #book: StateBook
  readonly #ports: RunningPorts
  readonly #log: SchedulerLog
  readonly #telling = new Set<Promise<void>>()

  constructor(book: StateBook, ports: RunningPorts, log: SchedulerLog) {
    this.#book = book
    this.#ports = ports
    this.#log = log
  }

  started(task: Task, { dueAt, attempt }: Run): void {
    const again = attempt === 1 ? '' : `, attempt ${attempt}`
    this.#say('info', 'job-started', task, `${nameOf(task)} starts${again}`, {
      dueAt: dueAt.toISOString(),
      attempt,
    })
    if (attempt === 1) this.#tell({ kind: 'job-started', ...fieldsOf(task), at: this.#ports.clock.now() })
  }

  ended(task: Task, run: Run, result: RunDone | Failure, circumstances: Circumstances): void {
    if (result.success) return this.#succeeded(task, run, result)
    if (result.code === 'CANCELLED' && circumstances.isStopping) return this.#cancelled(task, run, result)
    const { retriesMax } = task.job
    const pauseMs = retryAfter(result, run.attempt, retriesMax, this.#ports.random())
    if (pauseMs === null) return this.#failed(task, run, result)
    this.#retry(task, run, result, pauseMs)
    if (result.code === 'INSUFFICIENT_SPACE') this.#makeRoom(task, circumstances.tasks)
  }

  /** A run that was under way when the scheduler was killed is done again, unless that kills it every time. */
  takeUp(task: Task): void {
    const { running } = this.#book.jobOf(task)
    if (running === null) return
    const { attempt, startedAt } = running
    const dueAt = new Date(running.dueAt)
    const run = { dueAt, startedAt: new Date(startedAt), attempt }
    const failure: Failure = {
      success: false,
      code: 'ENGINE_FAILED',
      message: `The scheduler ended in the middle of ${nameOf(task)}, which had started at ${startedAt}`,
      hint: 'It was killed, or the machine went down: see the system log. What the run left unfinished is removed by the next one.',
    }
    this.#say('warn', 'job-interrupted', task, failure.message, { attempt, startedAt })
    if (attempt > Math.max(task.job.retriesMax, INTERRUPTIONS_MAX)) return this.#failed(task, run, failure)
    this.#book.updateJob(task, {
      running: null,
      retry: { dueAt: running.dueAt, at: startedAt, attempts: attempt },
      lastRun: this.#lastRun(run, 'interrupted', failure),
    })
  }

  /** Lets those be told who are just being told. */
  async farewell(): Promise<void> {
    const over = new AbortController()
    await Promise.race([Promise.all(this.#telling), this.#ports.clock.delay(FAREWELL_MS, over.signal)])
    over.abort()
  }

  #succeeded(task: Task, run: Run, { summary }: RunDone): void {
    const { failingSince } = this.#book.jobOf(task)
    const at = this.#ports.clock.now()
    const durationMs = at.getTime() - run.startedAt.getTime()
    this.#book.updateJob(task, {
      running: null,
      retry: null,
      coveredUntil: coverage(task.rule, run.dueAt, at).toISOString(),
      lastRun: { ...this.#lastRun(run, 'succeeded', null), summary },
      lastSuccessAt: at.toISOString(),
      failingSince: null,
    })
    this.#noteDrill(task, at, true)
    this.#say('info', 'job-succeeded', task, `${nameOf(task)}: ${summary}`, { durationMs })
    this.#tell({ kind: 'job-succeeded', ...fieldsOf(task), at, durationMs })
    if (failingSince === null) return
    this.#say('info', 'job-recovered', task, `${nameOf(task)} works again`, { failedSince: failingSince })
    this.#tell({ kind: 'recovered', ...fieldsOf(task), at, failedSince: new Date(failingSince) })
  }

  #cancelled(task: Task, run: Run, failure: Failure): void {
    this.#book.updateJob(task, {
      running: null,
      retry: { dueAt: run.dueAt.toISOString(), at: this.#now(), attempts: run.attempt - 1 },
      lastRun: this.#lastRun(run, 'cancelled', failure),
    })
    this.#say(
      'warn',
      'job-cancelled',
      task,
      `${nameOf(task)} was cancelled, and is run again at the next start`,
      {},
    )
  }

  #retry(task: Task, run: Run, failure: Failure, pauseMs: number): void {
    const at = new Date(this.#ports.clock.now().getTime() + pauseMs).toISOString()
    this.#book.updateJob(task, {
      running: null,
      retry: { dueAt: run.dueAt.toISOString(), at, attempts: run.attempt },
      lastRun: this.#lastRun(run, 'retrying', failure),
    })
    const message = `${nameOf(task)} failed, and is tried again at ${at}: ${failure.message}`
    this.#say('warn', 'job-retrying', task, message, { code: failure.code, attempt: run.attempt, at })
  }

  #failed(task: Task, run: Run, failure: Failure): void {
    const at = this.#ports.clock.now()
    const failingSince = this.#book.jobOf(task).failingSince ?? run.dueAt.toISOString()
    const { failuresSinceDigest } = this.#book.databaseOf(task.settings.name)
    this.#book.updateJob(task, {
      running: null,
      retry: null,
      coveredUntil: coverage(task.rule, run.dueAt, at).toISOString(),
      lastRun: this.#lastRun(run, 'failed', failure),
      failingSince,
    })
    this.#book.updateDatabase(task.settings.name, { failuresSinceDigest: failuresSinceDigest + 1 })
    this.#noteDrill(task, at, false)
    const { code, message, hint } = failure
    this.#say('error', 'job-failed', task, `${nameOf(task)} failed: ${message}`, {
      code,
      hint: hint ?? null,
      attempts: run.attempt,
      failingSince,
    })
    this.#tell({
      kind: 'failed',
      ...fieldsOf(task),
      at,
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      failingSince: new Date(failingSince),
      attempts: run.attempt,
    })
  }

  /** Cleans up before the retry, by the rules that the configuration has for it. */
  #makeRoom(task: Task, tasks: readonly Task[]): void {
    const now = this.#now()
    for (const other of tasks) {
      const isCleanup = other.job.kind === 'cleanup' && other.settings.name === task.settings.name
      if (!isCleanup || this.#book.jobOf(other).retry !== null) continue
      this.#book.updateJob(other, { retry: { dueAt: now, at: now, attempts: 0 } })
    }
  }

  #noteDrill(task: Task, at: Date, passed: boolean): void {
    if (task.job.kind !== 'drill') return
    this.#book.updateDatabase(task.settings.name, { lastDrill: { at: at.toISOString(), passed } })
  }

  #lastRun(run: Run, outcome: LastRun['outcome'], failure: Failure | null): LastRun {
    return {
      dueAt: run.dueAt.toISOString(),
      startedAt: run.startedAt.toISOString(),
      endedAt: this.#now(),
      outcome,
      attempts: run.attempt,
      summary: null,
      failure: failure === null ? null : { code: failure.code, message: failure.message, hint: failure.hint },
    }
  }

  #now(): string {
    return this.#ports.clock.now().toISOString()
  }

  #say(
    level: SchedulerLogEntry['level'],
    event: SchedulerLogEntry['event'],
    task: Task,
    message: string,
    fields: SchedulerLogEntry['fields'],
  ): void {
    this.#log({ level, event, message, fields: { ...fieldsOf(task), ...fields } })
  }

  #tell(event: NotifyEvent): void {
    const telling = this.#ports.notify(event).finally(() => this.#telling.delete(telling))
    this.#telling.add(telling)
  }
}
