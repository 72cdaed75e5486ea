import { configStamp } from '../config/stamp.ts'
import { BackupError, type Failure, toFailure } from '../errors.ts'
import { decideNextRun } from '../schedule/due.ts'
import { isOverdue } from '../schedule/good-backup.ts'
import { readState } from '../schedule/state-file.ts'
import { systemClock } from './clock.ts'
import { Daemon, describeRefusal, lockDirectory, notRunning } from './daemon.ts'
import { Lane } from './lane.ts'
import type { SchedulerLog } from './log-entry.ts'
import { type Ports, productPorts, type RunningPorts } from './ports.ts'
import { readPlan, type SchedulePlan, type SchedulerOptions, tasksNamed } from './schedule-plan.ts'
import { isSchedulerRunning } from './scheduler-lock.ts'
import { runBeside } from './run-beside.ts'
import type {
  DirectoryStatus,
  JobsRun,
  LogSettings,
  NextRuns,
  RunReport,
  SchedulerStatus,
  SchedulerStopped,
  SchedulerTested,
} from './reports.ts'
import type { Task } from './task.ts'
import { Teller } from './teller.ts'
import { testDatabase } from './test-database.ts'

/** Options of what runs jobs. */
export interface SchedulerRunOptions {
  /** Aborted: nothing new is begun, and what runs is finished, or cancelled after `schedule.graceTime`. */
  readonly signal?: AbortSignal
  /** Called for everything that happens, in order. */
  readonly onLog?: SchedulerLog
}

export interface RunOnceOptions extends SchedulerRunOptions {
  /**
   * For somebody who waits for the answer: once, without retries, cancelled at once, and beside a scheduler that is at work
   * in the directory, whose state file then does not tell of it. Default: false.
   */
  readonly beside?: boolean
}

/** A scheduler with another clock, or other ways to run jobs and to tell of them. Not public. */
export let schedulerOf: (options: SchedulerOptions, ports: RunningPorts) => Scheduler

/**
 * Runs the jobs of a configuration: makes backups, cleans up and verifies, at night and without people.
 * One a backup directory. Protected databases are never opened in this process.
 *
 * Foreseen failures come back as `{ success: false, code, message, hint }`.
 */
export class Scheduler {
  static {
    schedulerOf = (options, ports) => {
      const scheduler = new Scheduler(options)
      scheduler.#ports = ports
      return scheduler
    }
  }

  readonly #options: SchedulerOptions
  #ports: Ports
  #daemon: { readonly daemon: Daemon; readonly teller: Teller; readonly log: SchedulerLog } | null = null
  /** The configuration file as it was when it was read last, taken or refused. */
  #stamp = ''

  constructor(options: SchedulerOptions = {}) {
    this.#options = options
    this.#ports = productPorts()
  }

  /**
   * Runs jobs as they come due, until it is told to stop. Resolves once the last run has ended, the state is
   * written and the locks are free. `SCHEDULER_LOCKED` when another scheduler has one of the directories.
   * A configuration file that changes meanwhile is taken up as {@link reload} does.
   */
  async run({ signal = NEVER, onLog = NO_LOG }: SchedulerRunOptions = {}): Promise<
    SchedulerStopped | Failure
  > {
    const { clock } = this.#ports
    const startedAt = clock.now()
    try {
      const plan = await this.#takePlan()
      {
        const teller = new Teller(plan, onLog)
        await using daemon = await Daemon.start(plan, this.#running(teller), onLog)
        this.#daemon = { daemon, teller, log: onLog }
        onLog(startedEntry(plan))
        const ended = new AbortController()
        const following = this.#followConfig(AbortSignal.any([signal, ended.signal]))
        try {
          await daemon.run(signal)
        } finally {
          ended.abort()
          await following
          this.#daemon = null
        }
        onLog({ level: 'info', event: 'stopping', message: 'The scheduler stops', fields: {} })
      }
      onLog({ level: 'info', event: 'stopped', message: 'The scheduler has stopped', fields: {} })
      return { success: true, startedAt: startedAt.toISOString(), stoppedAt: clock.now().toISOString() }
    } catch (error) {
      return toFailure(error)
    }
  }

  /** Reads the configuration again, for `run`. One that is not valid is logged and refused; the old one goes on. */
  async reload(): Promise<{ readonly success: true } | Failure> {
    const running = this.#daemon
    if (running === null) return toFailure(notRunning())
    try {
      const plan = await this.#takePlan()
      await running.daemon.reload(plan)
      running.teller.follow(plan)
      running.log({ ...startedEntry(plan), event: 'reloaded', message: 'The configuration was read again' })
      return { success: true }
    } catch (error) {
      // Stopped meanwhile: no old one goes on, and the log may be closed.
      if (this.#daemon !== running) return toFailure(error)
      const { code, message } = describeRefusal(error)
      running.log({
        level: 'error',
        event: 'reload-refused',
        message: `The configuration was not taken, the old one goes on. ${message}`,
        fields: { code },
      })
      return toFailure(error)
    }
  }

  /** Runs a job now on each of its databases, with its retries. Bad news is in the result, not a failure. */
  async runOnce(
    job: string,
    { signal = NEVER, onLog = NO_LOG, beside = false }: RunOnceOptions = {},
  ): Promise<JobsRun | Failure> {
    try {
      const plan = await this.#readPlan()
      const ports = this.#running(new Teller(plan, onLog))
      const runs: RunReport[] = []
      for (const [backupDir, named] of tasksNamed(plan, job)) {
        const tasks = beside ? named.map(withoutRetries) : named
        const ours = new Map(named.map((task, index) => [task, tasks[index]]))
        const all = (plan.directories.get(backupDir) ?? named).map(task => ours.get(task) ?? task)
        using lock = await lockDirectory(backupDir, all, this.#ports).catch(ignoreLocked(beside))
        if (lock === null) {
          for (const task of tasks) runs.push(await runBeside(task, { backupDir, ports, stop: signal }))
          continue
        }
        const graceMs = beside ? 0 : plan.graceMs
        const lane = await Lane.open({ backupDir, tasks: all, graceMs, ports, log: onLog })
        await lane.runNow(tasks, signal)
        await lane.close()
        for (const task of tasks) runs.push({ ...lane.book.jobOf(task) })
      }
      return { success: true, status: runs.every(hasSucceeded) ? 'succeeded' : 'failed', runs }
    } catch (error) {
      return toFailure(error)
    }
  }

  /** Makes a test backup of each database, verifies it and deletes it again: whether all would work tonight. */
  async test({ signal = NEVER }: Pick<SchedulerRunOptions, 'signal'> = {}): Promise<
    SchedulerTested | Failure
  > {
    try {
      const plan = await this.#readPlan()
      const databases = []
      for (const task of oneOfEach(plan)) databases.push(await testDatabase(task, signal))
      return { success: true, status: databases.every(isFine) ? 'passed' : 'failed', databases }
    } catch (error) {
      return toFailure(error)
    }
  }

  /** Where `chame-backup-scheduler` writes its log, and what must not stand in it. */
  async logSettings(): Promise<LogSettings | Failure> {
    try {
      return (await this.#readPlan()).log
    } catch (error) {
      return toFailure(error)
    }
  }

  /** What the state files say, whether or not a scheduler runs. */
  async status(): Promise<SchedulerStatus | Failure> {
    try {
      const plan = await this.#readPlan()
      const directories: DirectoryStatus[] = []
      for (const [backupDir, tasks] of plan.directories) {
        directories.push(await this.#statusOf(backupDir, tasks))
      }
      const isFailing = directories.some(({ jobs }) => jobs.some(({ failingSince }) => failingSince !== null))
      const isLate = directories.some(({ databases }) =>
        Object.values(databases).some(each => each.isOverdue),
      )
      return { success: true, status: isFailing ? 'failing' : isLate ? 'overdue' : 'fine', directories }
    } catch (error) {
      return toFailure(error)
    }
  }

  /** The next runs of all jobs, in order. Runs nothing and writes nothing. */
  async nextRuns({ limit = 20 }: { readonly limit?: number } = {}): Promise<NextRuns | Failure> {
    try {
      const plan = await this.#readPlan()
      const now = this.#ports.clock.now()
      const runs = [...plan.directories.values()].flat().flatMap(task => upcoming(task, now, limit))
      const sorted = runs.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
      return { success: true, configFile: plan.file, runs: sorted.slice(0, limit) }
    } catch (error) {
      return toFailure(error)
    }
  }

  #running(teller: Teller): RunningPorts {
    return { ...this.#ports, notify: this.#ports.notify ?? teller.tell }
  }

  #readPlan(): Promise<SchedulePlan> {
    return readPlan(this.#options)
  }

  /** The plan that is to be followed. */
  async #takePlan(): Promise<SchedulePlan> {
    // Before it is read: of what changes while it is, the next look sees that it did.
    this.#stamp = await this.#stampNow()
    const plan = await this.#readPlan()
    if (plan.directories.size === 0) throw nothingToDo(plan)
    return plan
  }

  #stampNow(): Promise<string> {
    return configStamp(process.cwd(), this.#options.config ?? process.env['CHAME_BACKUP_CONFIG'])
  }

  /** Takes up what somebody writes into the configuration file, once it has stayed the same from one look to the next. */
  async #followConfig(signal: AbortSignal): Promise<void> {
    const { configLookMs } = this.#ports
    if (configLookMs === null) return
    for (let before = this.#stamp; ;) {
      await systemClock.delay(configLookMs, signal)
      if (signal.aborted) return
      const now = await this.#stampNow()
      if (now === before && now !== this.#stamp) await this.reload()
      before = now
    }
  }

  async #statusOf(backupDir: string, tasks: readonly Task[]): Promise<DirectoryStatus> {
    const state = await readState(backupDir)
    const isRunning = await isSchedulerRunning(backupDir)
    if (state === 'missing' || state === 'damaged') {
      return {
        backupDir,
        isRunning,
        stateFile: state,
        updatedAt: null,
        scheduler: null,
        databases: {},
        jobs: [],
      }
    }
    const { updatedAt, scheduler, databases, jobs } = state
    const now = this.#ports.clock.now()
    const names = new Set(tasks.map(({ settings }) => settings.name))
    const ours = Object.entries(databases)
      .filter(([name]) => names.has(name))
      // Written when a scheduler last looked; what matters is now.
      .map(([name, { lastGoodAt, maxBackupAgeMs, ...rest }]) => {
        const lastGood = lastGoodAt === null ? null : new Date(lastGoodAt)
        return [
          name,
          { ...rest, lastGoodAt, maxBackupAgeMs, isOverdue: isOverdue(lastGood, maxBackupAgeMs, now) },
        ] as const
      })
    return {
      backupDir,
      isRunning,
      stateFile: 'ok',
      updatedAt,
      scheduler,
      databases: Object.fromEntries(ours),
      jobs: jobs.filter(({ database }) => names.has(database)),
    }
  }
}

function withoutRetries(task: Task): Task {
  return { ...task, job: { ...task.job, retriesMax: 0 } }
}

/** Null for a directory in which a scheduler is at work, where that does not matter. */
function ignoreLocked(beside: boolean): (error: unknown) => null {
  return error => {
    if (beside && error instanceof BackupError && error.code === 'SCHEDULER_LOCKED') return null
    throw error
  }
}

const NEVER: AbortSignal = new AbortController().signal
const NO_LOG: SchedulerLog = () => {}

function startedEntry({ file, directories, jobs }: SchedulePlan): Parameters<SchedulerLog>[0] {
  return {
    level: 'info',
    event: 'started',
    message: `The scheduler runs, with the jobs ${jobs.map(job => job.name).join(', ')}`,
    fields: { config: file, directories: [...directories.keys()].join(', '), pid: process.pid },
  }
}

function nothingToDo({ file }: SchedulePlan): BackupError {
  return new BackupError(
    'CONFIG_INVALID',
    `The configuration schedules no job${file === null ? '' : `: ${file}`}`,
    {
      hint: 'Leave at least one job in schedule.jobs.',
    },
  )
}

function hasSucceeded({ lastRun }: RunReport): boolean {
  return lastRun?.outcome === 'succeeded'
}

function isFine({ failure }: { readonly failure: Failure | null }): boolean {
  return failure === null
}

function oneOfEach({ directories }: SchedulePlan): Task[] {
  return [...new Map([...directories.values()].flat().map(task => [task.settings.name, task])).values()]
}

function upcoming(task: Task, now: Date, limit: number): NextRuns['runs'][number][] {
  const runs: NextRuns['runs'][number][] = []
  let after = now
  while (runs.length < limit) {
    const next = decideNextRun(task.rule, { coveredUntil: after, retry: null }, after)
    if (next === null) break
    const { name: job, kind, type } = task.job
    runs.push({ at: next.at.toISOString(), job, kind, type, database: task.settings.name })
    after = next.dueAt
  }
  return runs
}
