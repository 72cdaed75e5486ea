/** Long work: what waits, what runs, and for a while what has ended. */
import { randomBytes } from 'node:crypto'
import { BackupError, type Failure, type Role, type RunOptions, toFailure } from '../index.ts'
import { isAllowed } from './permissions.ts'
import { failureProblem, Refusal } from './problems.ts'
import type { Job, JobKind, JobOf, JobProgress } from './schemas/jobs.ts'

/** At once for a database: one that writes, and one that reads beside it. */
const RUNNING_MAX = 2
/** Waiting, of all databases. */
const WAITING_MAX = 100
/** Who began one asks again within the hour. */
const KEPT_MS = 3_600_000
const KEPT_MAX = 200
/** As often as a person can follow. */
const PROGRESS_MS = 200

export type JobWork<Result> = (run: Required<RunOptions>) => Promise<Result | Failure>

export interface JobOrder<Kind extends JobKind> {
  readonly kind: Kind
  readonly database: string
  readonly subject: string | null
  readonly by: string
  /** Who may begin such a job: its result is for nobody else. */
  readonly needs: Role
  readonly work: JobWork<NonNullable<JobOf<Kind>['result']>>
}

interface Entry {
  job: Job
  readonly needs: Role
  /** Goes up with every change. */
  version: number
  readonly controller: AbortController
  readonly start: () => Promise<void>
  readonly listeners: Set<() => void>
  progressAtMs: number
  timer: NodeJS.Timeout | null
}

/** A job as it is, and which of its changes that is. */
export interface JobState {
  readonly job: Job
  readonly version: number
}

export interface JobBookPorts {
  readonly now: () => Date
  /** Called when a job has ended, with the failure itself where it failed: the job does not quote what nobody foresaw. */
  readonly onEnd?: (job: Job, failure: Failure | null) => void
}

export class JobBook {
  readonly #entries = new Map<string, Entry>()
  readonly #ports: JobBookPorts
  #isClosed = false

  constructor(ports: JobBookPorts) {
    this.#ports = ports
  }

  /** Begins the work, or has it wait for its turn. Refused when too much waits already. */
  begin<Kind extends JobKind>({ work, needs, ...order }: JobOrder<Kind>): Job {
    this.#forget()
    const waiting = [...this.#entries.values()].filter(({ job }) => job.status === 'queued')
    if (this.#isClosed || waiting.length >= WAITING_MAX) {
      throw new Refusal(
        this.#isClosed ? 'UNAVAILABLE' : 'TOO_MANY_REQUESTS',
        this.#isClosed ? 'The server is stopping' : `${WAITING_MAX} jobs wait already`,
        { hint: 'Try again later.', headers: { 'retry-after': '10' } },
      )
    }
    const id = `job_${randomBytes(8).toString('hex')}`
    const job = {
      id,
      ...order,
      status: 'queued',
      createdAt: this.#ports.now().toISOString(),
      startedAt: null,
      endedAt: null,
      progress: null,
      result: null,
      problem: null,
    } as unknown as Job
    const controller = new AbortController()
    const entry: Entry = {
      job,
      needs,
      version: 0,
      controller,
      start: () => this.#run(entry, work),
      listeners: new Set(),
      progressAtMs: -Infinity,
      timer: null,
    }
    this.#entries.set(id, entry)
    this.#startNext()
    return entry.job
  }

  /** Newest first, as one with `role` may see them. */
  list(role: Role): Job[] {
    this.#forget()
    return [...this.#entries.values()].map(entry => shownTo(role, entry)).toReversed()
  }

  get(id: string, role: Role): Job {
    return shownTo(role, this.#entry(id))
  }

  state(id: string, role: Role): JobState {
    const entry = this.#entry(id)
    return { job: shownTo(role, entry), version: entry.version }
  }

  /** Calls `listener` at every change, until the function that it returns is called. */
  follow(id: string, listener: () => void): () => void {
    const { listeners } = this.#entry(id)
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  /** Asks a job to end. It does in a moment; one that has ended stays as it is. */
  cancel(id: string): void {
    const entry = this.#entry(id)
    if (entry.job.status === 'queued') {
      this.#end(entry, toFailure(new BackupError('CANCELLED', 'Cancelled before it had begun')))
      this.#startNext()
    } else entry.controller.abort()
  }

  /** Begins nothing more, cancels all and waits until it has ended, at most `graceMs`. Tells whether all has. */
  async close(graceMs: number): Promise<boolean> {
    this.#isClosed = true
    for (const { job } of this.#entries.values()) if (job.endedAt === null) this.cancel(job.id)
    const until = performance.now() + graceMs
    while (this.#active().length > 0 && performance.now() < until) {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    return this.#active().length === 0
  }

  #active(): Entry[] {
    return [...this.#entries.values()].filter(({ job }) => job.endedAt === null)
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id)
    if (entry !== undefined) return entry
    throw new Refusal('NOT_FOUND', 'There is no such job', {
      hint: 'Jobs that have ended are kept for an hour, and not over a restart of the server.',
    })
  }

  #startNext(): void {
    for (const entry of this.#entries.values()) {
      const { status, database } = entry.job
      const running = this.#active().filter(
        ({ job }) => job.status === 'running' && job.database === database,
      )
      if (status === 'queued' && running.length < RUNNING_MAX) void entry.start()
    }
  }

  async #run(entry: Entry, work: JobWork<{ readonly success: true }>): Promise<void> {
    this.#change(entry, { status: 'running', startedAt: this.#ports.now().toISOString() })
    let result: { readonly success: true } | Failure
    try {
      result = await work({
        signal: entry.controller.signal,
        onProgress: progress => this.#progress(entry, progress),
      })
    } catch (error) {
      result = toFailure(error)
    }
    this.#end(entry, result)
    this.#startNext()
  }

  #end(entry: Entry, result: { readonly success: true } | Failure): void {
    if (entry.timer !== null) clearTimeout(entry.timer)
    entry.timer = null
    const endedAt = this.#ports.now().toISOString()
    if (result.success) this.#change(entry, { status: 'succeeded', endedAt, result })
    else {
      const status = result.code === 'CANCELLED' ? 'cancelled' : 'failed'
      this.#change(entry, {
        status,
        endedAt,
        problem: failureProblem(result, `urn:chame-backup:${entry.job.id}`),
      })
    }
    this.#ports.onEnd?.(entry.job, result.success ? null : result)
  }

  /** The first at once, then so often; the last of a time is not lost. */
  #progress(entry: Entry, progress: JobProgress): void {
    const now = performance.now()
    entry.job = { ...entry.job, progress } as Job
    if (entry.timer !== null) return
    const wait = entry.progressAtMs + PROGRESS_MS - now
    const tell = (): void => {
      entry.timer = null
      entry.progressAtMs = performance.now()
      this.#change(entry, {})
    }
    if (wait <= 0) tell()
    else entry.timer = setTimeout(tell, wait)
  }

  #change(entry: Entry, keys: object): void {
    entry.job = { ...entry.job, ...keys } as Job
    entry.version += 1
    for (const listener of entry.listeners) listener()
  }

  #forget(): void {
    const now = this.#ports.now().getTime()
    const ended = [...this.#entries.values()].filter(({ job }) => job.endedAt !== null)
    ended.forEach(({ job }, index) => {
      const isOld = now - Date.parse(job.endedAt ?? '') > KEPT_MS
      if (isOld || index < ended.length - KEPT_MAX) this.#entries.delete(job.id)
    })
  }
}

/** What a job found may be what only others may ask for: rows as they are, or a plan. That it goes on, anybody may see. */
function shownTo(role: Role, { job, needs }: Entry): Job {
  return isAllowed(role, needs) ? job : { ...job, result: null }
}
