import { CatalogLock } from '../catalog/lock.ts'
import { cancelled, type Failure, toFailure } from '../errors.ts'
import { countMissed, decideNextRun, type NextRun } from '../schedule/due.ts'
import { JOB_KINDS } from '../schedule/jobs.ts'
import type { SchedulerLog } from './log-entry.ts'
import { perform } from './perform.ts'
import type { RunningPorts, RunDone } from './ports.ts'
import { findMade } from './run-backup.ts'
import { type Run, Settlement } from './settlement.ts'
import { StateBook } from './state-book.ts'
import { fieldsOf, nameOf, type Task } from './task.ts'
import { Watchman } from './watchman.ts'
import { timesMissed } from './words.ts'

/** The state file is never older while a scheduler runs, and what others do in the directory is seen. */
const HEARTBEAT_MS = 3_600_000
/** A run that starts so late was missed: the machine was off, asleep, or busy with another one. */
const LATE_MS = 120_000
/** Runs that are due follow one another for so long: planning, and looking at all backups, takes longer than a small one. */
const PLAN_MS = 10_000
/** Where there are very many backups, so many times longer than that took. */
const PLAN_SHARE = 50
/** What is to be tried again waits no longer. */
const PLAN_MS_MAX = 60_000
/** After a failure that nobody foresaw. */
const TROUBLE_PAUSE_MS = 60_000

export interface LaneOptions {
  readonly backupDir: string
  readonly tasks: readonly Task[]
  readonly graceMs: number
  readonly ports: RunningPorts
  readonly log: SchedulerLog
}

interface Planned {
  readonly task: Task
  readonly next: NextRun
}

/** A run that has begun. */
interface Begun {
  /** Resolves once the next one may begin. */
  readonly free: Promise<void>
  /** Settles once all is done, and known to the state. */
  readonly ended: Promise<void>
}

const NOTHING_BEGUN: Begun = { free: Promise.resolve(), ended: Promise.resolve() }

/**
 * The jobs of one backup directory, one at a time: the catalog's lock would let no two of them work anyway. While the last
 * backup is noted in the audit log, the next run begins.
 * Other directories have lanes of their own, which a disk that hangs here does not concern. The caller holds
 * the scheduler's lock of the directory.
 */
export class Lane {
  readonly #ports: RunningPorts
  readonly #log: SchedulerLog
  readonly #backupDir: string
  readonly book: StateBook
  readonly #settlement: Settlement
  readonly #watchman: Watchman
  #tasks: readonly Task[]
  #graceMs: number
  #planMs = PLAN_MS
  #wake = new AbortController()

  private constructor(options: LaneOptions, book: StateBook) {
    const { backupDir, tasks, graceMs, ports, log } = options
    this.#backupDir = backupDir
    this.#tasks = tasks
    this.#graceMs = graceMs
    this.#ports = ports
    this.#log = log
    this.book = book
    this.#settlement = new Settlement(book, ports, log)
    this.#watchman = new Watchman(backupDir, book, ports, log)
  }

  /** Reads the state, and takes up what a scheduler that was killed left unfinished. */
  static async open(options: LaneOptions): Promise<Lane> {
    const { backupDir, tasks, ports, log } = options
    const lane = new Lane(options, await StateBook.open(backupDir, tasks, ports, log))
    for (const task of tasks) lane.#settlement.takeUp(task)
    await lane.#watchman.look(tasks)
    lane.#plan()
    await lane.book.save()
    return lane
  }

  get tasks(): readonly Task[] {
    return this.#tasks
  }

  /** Runs what comes due, until it is told to stop and the run that is under way has ended. Never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.#step(stop)
      } catch (error) {
        this.#report(error)
        await this.#ports.clock.delay(TROUBLE_PAUSE_MS, stop)
      }
    }
    await this.close().catch((error: unknown) => this.#report(error))
  }

  /** Runs tasks now, whatever the schedule says, with their retries. */
  async runNow(tasks: readonly Task[], stop: AbortSignal): Promise<void> {
    const { clock } = this.#ports
    const now = clock.now().toISOString()
    for (const task of tasks) this.book.updateJob(task, { retry: { dueAt: now, at: now, attempts: 0 } })
    const wanted = new Set(tasks)
    for (;;) {
      // A backup that found no space is not tried again before its cleanup has run.
      const full = new Set(
        tasks.filter(task => this.#foundNoSpace(task)).map(({ settings }) => settings.name),
      )
      const planned = this.#plan().filter(
        ({ task, next }) =>
          next.isRetry && (wanted.has(task) || (task.job.kind === 'cleanup' && full.has(task.settings.name))),
      )
      const first = planned[0]
      if (first === undefined || stop.aborted || !planned.some(({ task }) => wanted.has(task))) break
      await clock.sleepUntil(first.next.at, stop)
      await this.#runDue(planned, stop)
    }
    // Whoever asked for it has called it off: it is not for the next start to take up.
    for (const task of tasks) this.book.updateJob(task, { retry: null })
  }

  #foundNoSpace(task: Task): boolean {
    return this.book.jobOf(task).lastRun?.failure?.code === 'INSUFFICIENT_SPACE'
  }

  /** Goes on with other tasks; a run that is under way is finished first. */
  async setTasks(tasks: readonly Task[], graceMs: number): Promise<void> {
    // Both at once: nobody may plan with the tasks of the one and the state of the other.
    const known = this.book.setTasks(tasks, { fromCatalog: false })
    this.#tasks = tasks
    this.#graceMs = graceMs
    await known
    this.#wake.abort()
  }

  async close(): Promise<void> {
    this.#plan()
    await this.book.save({ stopped: true })
    await this.#settlement.farewell()
  }

  async #step(stop: AbortSignal): Promise<void> {
    const { clock } = this.#ports
    const planned = this.#plan()
    const first = planned[0]
    const now = clock.now()
    if (first !== undefined && first.next.at <= now) return this.#runDue(planned, stop)
    this.#wake = new AbortController()
    const wakeAt = Math.min(
      now.getTime() + HEARTBEAT_MS,
      first?.next.at.getTime() ?? Infinity,
      this.#watchman.overdueAt(this.#tasks)?.getTime() ?? Infinity,
    )
    await clock.sleepUntil(new Date(wakeAt), AbortSignal.any([stop, this.#wake.signal]))
    const woken = clock.now()
    if (woken < now) this.#noteSetBack(now, woken)
    const isRunDue = first !== undefined && first.next.at <= woken
    if (isRunDue || stop.aborted) return
    await this.#watchman.look(this.#tasks)
    this.#plan()
    await this.book.save()
  }

  /** Runs what is due of a plan, until it has to be made anew; then looks at what has come of it. */
  async #runDue(planned: readonly Planned[], stop: AbortSignal): Promise<void> {
    const { clock } = this.#ports
    const tasks = this.#tasks
    const plannedAt = clock.now().getTime()
    let last = NOTHING_BEGUN
    try {
      for (const each of planned) {
        await last.free
        const now = clock.now().getTime()
        const isOld = now < plannedAt || now - plannedAt >= this.#planMs
        if (stop.aborted || isOld || tasks !== this.#tasks || each.next.at.getTime() > now) break
        const before = last
        last = this.#begin(each, stop)
        await before.ended
      }
    } finally {
      await last.ended
    }
    const endedAt = clock.now().getTime()
    await this.book.note()
    await this.#watchman.look(this.#tasks)
    this.#plan()
    await this.book.save()
    const tookMs = clock.now().getTime() - endedAt
    this.#planMs = Math.min(Math.max(PLAN_MS, tookMs * PLAN_SHARE), PLAN_MS_MAX)
  }

  /** The next run of each task, the one that is to be done first in front. */
  #plan(): Planned[] {
    const now = this.#ports.clock.now()
    this.book.forgetFuture(now)
    const planned = this.#tasks.flatMap(task => {
      const next = this.#planNext(task, now)
      return next === null ? [] : [{ task, next }]
    })
    const rank = ({ task }: Planned): number => JOB_KINDS.indexOf(task.job.kind)
    const startsAt = ({ next }: Planned): number => Math.max(next.at.getTime(), now.getTime())
    return planned.toSorted((a, b) => startsAt(a) - startsAt(b) || rank(a) - rank(b))
  }

  #planNext(task: Task, now: Date): NextRun | null {
    const next = decideNextRun(task.rule, this.book.pastOf(task), now)
    this.book.updateJob(task, { nextRunAt: next?.at.toISOString() ?? null })
    return next
  }

  #begin(planned: Planned, stop: AbortSignal): Begun {
    const { promise: free, resolve } = Promise.withResolvers<void>()
    // What is copied afterwards is written into the catalog.
    const letGo = Object.keys(planned.task.settings.targets).length === 0 ? resolve : () => {}
    const ended = this.#runTask(planned, stop, letGo).finally(resolve)
    ended.catch(() => {}) // Awaited by the caller, later.
    return { free, ended }
  }

  /** What has come of it is noted by the caller, or with the beginning of a later run, which comes at once. */
  async #runTask({ task, next }: Planned, stop: AbortSignal, letGo: () => void): Promise<void> {
    const { clock } = this.#ports
    const { dueAt } = next
    const startedAt = clock.now()
    const attempt = (next.isRetry ? (this.book.jobOf(task).retry?.attempts ?? 0) : 0) + 1
    // A run that somebody asked for now is taken up like a retry, and is none.
    const isTriedBefore = next.isRetry && this.book.jobOf(task).lastRun?.dueAt === dueAt.toISOString()
    this.#noteMissed(task, next, startedAt)
    this.book.updateJob(task, {
      running: { dueAt: dueAt.toISOString(), startedAt: startedAt.toISOString(), attempt },
      retry: null,
      nextRunAt: startedAt.toISOString(),
    })
    await this.book.note()
    const run = { dueAt, startedAt, attempt }
    const made = isTriedBefore ? await this.#findMade(task, dueAt, stop) : null
    const isDone = made !== null && Object.keys(task.settings.targets).length === 0
    const result: RunDone | Failure = isDone
      ? { success: true, summary: `${made}, made before it was interrupted` }
      : await this.#perform(task, { run, made, letGo }, stop)
    // Gone from the configuration while it ran: nobody asks after it any more.
    if (!this.#tasks.includes(task) && !this.#tasks.some(other => nameOf(other) === nameOf(task))) return
    this.#settlement.ended(task, run, result, { isStopping: stop.aborted, tasks: this.#tasks })
    this.#planNext(task, clock.now())
  }

  async #perform(
    task: Task,
    { run, made, letGo }: { readonly run: Run; readonly made: string | null; readonly letGo: () => void },
    stop: AbortSignal,
  ): Promise<RunDone | Failure> {
    // Told to stop meanwhile: what has not begun needs no grace.
    if (stop.aborted) return toFailure(cancelled())
    this.#settlement.started(task, run)
    const { dueAt } = run
    return perform(task, { ports: this.#ports, dueAt, made, stop, graceMs: this.#graceMs, letGo })
  }

  /**
   * The backup that a run that is done again has made already: killed between the backup and the note of it, or not
   * copied to every target, there is one. An engine that outlived its scheduler may be about to make it; it holds the catalog's lock.
   */
  async #findMade(task: Task, dueAt: Date, stop: AbortSignal): Promise<string | null> {
    if (task.job.kind !== 'backup') return null
    const waitMs = task.settings.waitForLockMs
    try {
      using _lock = await CatalogLock.acquire(this.#backupDir, { waitMs, signal: stop })
    } catch {
      // Whoever it is, the run itself will say so.
    }
    return await findMade({ database: task.database, job: task.job, dueAt }).catch(() => null)
  }

  #noteMissed(task: Task, { at, dueAt }: NextRun, now: Date): void {
    if (now.getTime() - at.getTime() < LATE_MS) return
    const past = this.book.pastOf(task)
    const missedRuns = countMissed(task.rule, past, now)
    if (missedRuns === 0) return
    const from = past.coveredUntil.toISOString()
    this.book.updateJob(task, { lastGap: { from, to: now.toISOString(), missedRuns } })
    this.#log({
      level: 'warn',
      event: 'runs-missed',
      message: `${nameOf(task)} was due ${timesMissed(missedRuns)} since ${from} without being run; one run now makes up for it`,
      fields: { ...fieldsOf(task), from, dueAt: dueAt.toISOString(), missedRuns },
    })
  }

  #noteSetBack(from: Date, to: Date): void {
    this.#log({
      level: 'warn',
      event: 'clock-set-back',
      message: `The clock went back from ${from.toISOString()} to ${to.toISOString()}; nothing is run twice for it`,
      fields: { from: from.toISOString(), to: to.toISOString() },
    })
  }

  #report(error: unknown): void {
    const { code, message } = toFailure(error)
    this.#log({
      level: 'error',
      event: 'trouble',
      message: `The scheduler goes on after: ${message}`,
      fields: { backupDir: this.#backupDir, code },
    })
  }
}
