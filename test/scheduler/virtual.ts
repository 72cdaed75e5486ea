/** A scheduler in a time of its own: it runs the product's code on real files, and years pass in seconds. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Config } from '../../src/config/config.ts'
import type { Clock } from '../../src/daemon/clock.ts'
import type { JobRunner, JobRunners, Ports } from '../../src/daemon/ports.ts'
import { type Scheduler, schedulerOf } from '../../src/daemon/scheduler.ts'
import type { SchedulerLogEntry } from '../../src/daemon/log-entry.ts'
import type { NotifyEvent } from '../../src/notify/event.ts'
import type { JobState, SchedulerState } from '../../src/schedule/state.ts'
import type { Failure, SchedulerStopped } from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary.ts'

interface Sleeper {
  readonly at: number
  readonly wake: () => void
  /** Whether the scheduler does nothing else meanwhile; a timeout runs beside something. */
  readonly isIdle: boolean
}

export class VirtualClock implements Clock {
  #now: number
  /** Each look at it takes so long: more where more is looked at. */
  lookMs = 0
  readonly #sleepers = new Set<Sleeper>()

  constructor(start: string) {
    this.#now = Date.parse(start)
  }

  now(): Date {
    const now = new Date(this.#now)
    this.#now += this.lookMs
    return now
  }

  sleepUntil(at: Date, signal: AbortSignal): Promise<void> {
    return this.#sleep(at.getTime(), signal, true)
  }

  delay(ms: number, signal: AbortSignal): Promise<void> {
    return this.#sleep(this.#now + ms, signal, false)
  }

  /** What a run does that takes a while. */
  work(ms: number, signal: AbortSignal): Promise<void> {
    return this.#sleep(this.#now + ms, signal, true)
  }

  /** Sets the clock, as somebody does who sets a computer's; sleepers of the wall clock notice. */
  async set(time: string, sleeping: number): Promise<void> {
    await this.#settled(sleeping)
    const now = Date.parse(time)
    const wasBack = now < this.#now
    this.#now = now
    if (wasBack) for (const { wake, isIdle } of this.#sleepers) if (isIdle) wake()
    await this.#settled(sleeping)
  }

  /** Lets time pass until an instant; `sleeping`: how many parts of the scheduler sleep when nothing happens. */
  async runUntil(time: string, sleeping: number): Promise<void> {
    const end = Date.parse(time)
    for (;;) {
      await this.#settled(sleeping)
      const first = [...this.#sleepers].toSorted((a, b) => a.at - b.at)[0]
      if (first === undefined || first.at > end) break
      this.#now = Math.max(this.#now, first.at)
      first.wake()
    }
    this.#now = Math.max(this.#now, end)
  }

  /** Lets time pass until the next thing that anybody waits for. */
  async passNext(): Promise<void> {
    await this.#settled(1)
    const first = [...this.#sleepers].toSorted((a, b) => a.at - b.at)[0]
    if (first === undefined) return
    this.#now = Math.max(this.#now, first.at)
    first.wake()
  }

  /** Lets time pass until `work` has ended. */
  async runOut<T>(work: Promise<T>): Promise<T> {
    let isOver = false
    void work.finally(() => (isOver = true))
    while (!isOver) {
      await turn()
      for (const { wake } of this.#sleepers) wake()
    }
    return work
  }

  async #settled(sleeping: number): Promise<void> {
    const deadline = performance.now() + 60_000
    // What has just been woken is still on its way.
    for (let i = 0; i < 3; i++) await turn()
    while ([...this.#sleepers].filter(({ isIdle }) => isIdle).length < sleeping) {
      if (performance.now() > deadline) throw new Error('The scheduler does not come to rest')
      await turn()
    }
  }

  #sleep(at: number, signal: AbortSignal, isIdle: boolean): Promise<void> {
    if (signal.aborted || at <= this.#now) return Promise.resolve()
    return new Promise(resolve => {
      const wake = (): void => {
        this.#sleepers.delete(sleeper)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const sleeper: Sleeper = { at, wake, isIdle }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', wake)
    })
  }
}

/** Jobs of a scheduler that only makes daily backups. */
export const DAILY_ONLY = { weekly: false, cleanup: false, drill: false } as const

/** One lane and the digest. */
export const PARTS = 2

export interface VirtualScene {
  readonly clock: VirtualClock
  readonly directory: string
  readonly configFile: string
  readonly log: SchedulerLogEntry[]
  readonly told: NotifyEvent[]
  configure(config: Config): void
  /** `notify`: default notes what it is told in `told`. */
  scheduler(
    runners: Partial<JobRunners>,
    notify?: (event: NotifyEvent) => Promise<void>,
    more?: Pick<Ports, 'configLookMs'>,
  ): Scheduler
  /** Runs a scheduler until an instant, and stops it. */
  runUntil(time: string, runners: Partial<JobRunners>): Promise<SchedulerStopped | Failure>
  state(): SchedulerState
  job(name: string): JobState
  kinds(): string[]
}

const idle: JobRunner = async () => ({ success: true, summary: 'nothing to do' })

/** A directory with a small database, and a clock that stands at `start`. */
export function openVirtualScene(start: string, config: Config = {}): VirtualScene {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'data'))
  buildDatabase(join(directory, 'data', 'chame.db'), 'CREATE TABLE t (a)')
  const file = join(directory, 'chame-backup.config.json')
  const clock = new VirtualClock(start)
  const log: SchedulerLogEntry[] = []
  const told: NotifyEvent[] = []
  const configure = (value: Config): void =>
    writeFileSync(
      file,
      JSON.stringify({ timeZone: 'UTC', path: 'data/chame.db', backupDir: 'backups', ...value }),
    )
  configure(config)
  const scheduler: VirtualScene['scheduler'] = (
    runners,
    notify = async event => void told.push(event),
    { configLookMs } = { configLookMs: null },
  ) =>
    schedulerOf(
      { config: file },
      {
        clock,
        random: () => 0,
        runners: { backup: idle, sync: idle, verify: idle, drill: idle, cleanup: idle, ...runners },
        notify,
        holder: { pid: 42, host: 'virtual' },
        configLookMs,
        isDurable: false,
      },
    )
  const state = (): SchedulerState =>
    JSON.parse(readFileSync(join(directory, 'backups', 'scheduler-state.json'), 'utf8')) as SchedulerState
  return {
    clock,
    directory,
    configFile: file,
    log,
    told,
    configure,
    scheduler,
    async runUntil(time, runners) {
      const stop = new AbortController()
      const running = scheduler(runners).run({ signal: stop.signal, onLog: entry => void log.push(entry) })
      await clock.runUntil(time, PARTS)
      stop.abort()
      return running
    },
    state,
    job(name) {
      const found = state().jobs.find(({ job }) => job === name)
      if (found === undefined) throw new Error(`no state of ${name}`)
      return found
    },
    kinds: () => told.map(({ kind }) => kind),
  }
}

export interface Recorder {
  readonly run: JobRunner
  /** "daily 2026-11-26T02:00:00.000Z" for each run. */
  readonly runs: string[]
}

/** A way to run jobs that takes `ms`, notes when, and answers what `answer` says. */
export function recorder(
  clock: VirtualClock,
  { ms = 60_000, answer = () => null }: { ms?: number; answer?: (run: number) => Failure | null } = {},
): Recorder {
  const runs: string[] = []
  return {
    runs,
    async run({ job, signal, now }) {
      runs.push(`${job.name} ${now().toISOString()}`)
      const failure = answer(runs.length)
      await clock.work(ms, signal)
      if (signal.aborted) return { success: false, code: 'CANCELLED', message: 'Cancelled' }
      return failure ?? { success: true, summary: 'done' }
    },
  }
}

export const LOCKED: Failure = {
  success: false,
  code: 'DATABASE_LOCKED',
  message: 'The database is locked',
  hint: 'Wait.',
}

export const DAMAGED: Failure = { success: false, code: 'DATABASE_DAMAGED', message: 'It is damaged' }
