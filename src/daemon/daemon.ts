import { BackupError, toFailure } from '../errors.ts'
import { nextRunAfter } from '../schedule/cron.ts'
import { makeDirectory } from '../storage/durable.ts'
import { digestRows } from './digest.ts'
import { Lane } from './lane.ts'
import type { SchedulerLog } from './log-entry.ts'
import type { Ports, RunningPorts } from './ports.ts'
import type { SchedulePlan } from './schedule-plan.ts'
import { SchedulerLock } from './scheduler-lock.ts'
import type { Task } from './task.ts'

/** A digest is looked at again this often, whatever the clock does meanwhile. */
const DIGEST_LOOK_MS = 6 * 3_600_000

interface RunningLane {
  readonly lane: Lane
  readonly lock: SchedulerLock
  readonly stop: AbortController
  readonly ended: Promise<void>
}

/** The lanes of a configuration, running. Holds the scheduler's lock of each backup directory. */
export class Daemon implements AsyncDisposable {
  readonly #ports: RunningPorts
  readonly #log: SchedulerLog
  readonly #lanes = new Map<string, RunningLane>()
  #plan: SchedulePlan
  /** Reloads come one after another. */
  #reloading: Promise<void> = Promise.resolve()
  #isStopped = false

  private constructor(plan: SchedulePlan, ports: RunningPorts, log: SchedulerLog) {
    this.#plan = plan
    this.#ports = ports
    this.#log = log
  }

  /** Takes the locks and starts. Throws `SCHEDULER_LOCKED`, then nothing runs. */
  static async start(plan: SchedulePlan, ports: RunningPorts, log: SchedulerLog): Promise<Daemon> {
    const daemon = new Daemon(plan, ports, log)
    try {
      await daemon.#open(plan)
    } catch (error) {
      await daemon[Symbol.asyncDispose]()
      throw error
    }
    return daemon
  }

  /** Sends digests until it is told to stop. */
  async run(stop: AbortSignal): Promise<void> {
    const { clock } = this.#ports
    while (!stop.aborted) {
      const now = clock.now()
      const next = this.#nextDigest()
      if (next !== null && next <= now) await this.#digest(now).catch((error: unknown) => this.#report(error))
      const lookAt = now.getTime() + DIGEST_LOOK_MS
      await clock.sleepUntil(
        new Date(Math.min(lookAt, next === null || next <= now ? lookAt : next.getTime())),
        stop,
      )
    }
  }

  /**
   * Goes on with another plan. Runs that are under way are finished; directories that are new are locked
   * first, and when one of them cannot be, all stays as it was, and this throws. Also once it has been told to stop.
   */
  reload(plan: SchedulePlan): Promise<void> {
    const reloaded = this.#reloading.then(() => this.#reload(plan))
    this.#reloading = reloaded.catch(() => {})
    return reloaded
  }

  /** Stops all lanes; each finishes or cancels its run within the grace time. A reload that is under way ends first. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    await this.#reloading
    await Promise.all([...this.#lanes.keys()].map(directory => this.#close(directory)))
  }

  async #reload(plan: SchedulePlan): Promise<void> {
    // Nobody would close what it opened.
    if (this.#isStopped) throw notRunning()
    const before = [...this.#lanes.keys()]
    try {
      await this.#open(plan)
    } catch (error) {
      const added = [...this.#lanes.keys()].filter(directory => !before.includes(directory))
      await Promise.all(added.map(directory => this.#close(directory)))
      throw error
    }
    this.#plan = plan
    for (const [directory, { lane }] of this.#lanes) {
      const tasks = plan.directories.get(directory)
      if (tasks !== undefined) await lane.setTasks(tasks, plan.graceMs)
      // Not awaited: its run may take long, and nobody else may have the directory until it has ended.
      else void this.#close(directory)
    }
  }

  /** Opens the lanes that are not there yet. */
  async #open(plan: SchedulePlan): Promise<void> {
    for (const [directory, tasks] of plan.directories) {
      if (this.#lanes.get(directory)?.stop.signal.aborted === false) continue
      // Left by the last plan and back with this one: its lane ends first.
      await this.#close(directory)
      this.#lanes.set(directory, await this.#openLane(directory, tasks, plan.graceMs))
    }
  }

  async #openLane(directory: string, tasks: readonly Task[], graceMs: number): Promise<RunningLane> {
    const lock = await lockDirectory(directory, tasks, this.#ports)
    try {
      const lane = await Lane.open({
        backupDir: directory,
        tasks,
        graceMs,
        ports: this.#ports,
        log: this.#log,
      })
      const stop = new AbortController()
      return { lane, lock, stop, ended: lane.run(stop.signal) }
    } catch (error) {
      lock[Symbol.dispose]()
      throw error
    }
  }

  async #close(directory: string): Promise<void> {
    const running = this.#lanes.get(directory)
    if (running === undefined) return
    running.stop.abort()
    await running.ended
    // Once only, whoever else waits for it.
    if (this.#lanes.delete(directory)) running.lock[Symbol.dispose]()
  }

  #nextDigest(): Date | null {
    const { digestCron, timeZone } = this.#plan
    const lanes = [...this.#lanes.values()]
    if (digestCron === null || lanes.length === 0) return null
    const last = Math.max(...lanes.map(({ lane }) => lane.book.digestedAt.getTime()))
    return nextRunAfter({ cron: digestCron, timeZone }, new Date(last))
  }

  async #digest(at: Date): Promise<void> {
    const lanes = [...this.#lanes.values()].map(({ lane }) => lane)
    const from = new Date(Math.min(...lanes.map(lane => lane.book.digestedAt.getTime())))
    const databases = (await Promise.all(lanes.map(lane => digestRows(lane.tasks, lane.book)))).flat()
    for (const lane of lanes) {
      lane.book.digest(at)
      await lane.book.save()
    }
    // What tells nobody of itself must not hold up the next.
    void this.#ports.notify({ kind: 'digest', at, from, databases })
  }

  /** Jobs do not depend on a digest. */
  #report(error: unknown): void {
    const { code, message } = toFailure(error)
    this.#log({
      level: 'error',
      event: 'trouble',
      message: `No digest could be sent, and the scheduler goes on after: ${message}`,
      fields: { code },
    })
  }
}

export function notRunning(): BackupError {
  return new BackupError('INVALID_ARGUMENT', 'The scheduler is not running', { hint: 'Call run() first.' })
}

/** Makes the backup directory if need be, and takes its scheduler's lock. Throws `SCHEDULER_LOCKED`. */
export async function lockDirectory(
  directory: string,
  tasks: readonly Task[],
  { isDurable }: Ports,
): Promise<SchedulerLock> {
  const mode = tasks[0]?.settings.directoryMode ?? 0o700
  await makeDirectory(directory, mode, { isDurable })
  return SchedulerLock.acquire(directory)
}

/** A line of a log about a plan that was not taken. */
export function describeRefusal(error: unknown): { message: string; code: string } {
  const { code, message, hint } = toFailure(error)
  return { code, message: hint === undefined ? message : `${message}. ${hint}` }
}
