import { randomBytes } from 'node:crypto'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { toFailure } from '../errors.ts'
import { type Covered, isFromWrongClock } from '../schedule/due.ts'
import { appendChange, changesPath } from '../schedule/state-changes.ts'
import { readState, removeTemporaryStates, statePath, writeState } from '../schedule/state-file.ts'
import type { DatabaseState, JobState, SchedulerState } from '../schedule/state.ts'
import type { SchedulerLog } from './log-entry.ts'
import type { RunningPorts } from './ports.ts'
import { removeFile } from '../storage/durable.ts'
import type { Task } from './task.ts'

/** The state of so many jobs is written as a whole each time: it stays what a monitor reads. */
const WHOLE_JOBS_MAX = 100

/**
 * The state of one backup directory: in memory, and in its file as far as that can be written. A file that is
 * missing or damaged is rebuilt from the catalog. For the holder of the scheduler's lock.
 */
export class StateBook {
  readonly #backupDir: string
  readonly #ports: RunningPorts
  readonly #log: SchedulerLog
  readonly #startedAt: string
  readonly #jobs = new Map<string, JobState>()
  readonly #databases = new Map<string, DatabaseState>()
  /** What is not in the files yet, by the keys of the two above. */
  readonly #changed = { jobs: new Set<string>(), databases: new Set<string>() }
  /** Of the state as it was last written as a whole; null where changes cannot be added to that. */
  #changes: string | null = null
  /** One after another: a scheduler's digest is due whatever its jobs do. */
  #writing: Promise<void> = Promise.resolve()
  #digestedAt: string
  /** A disk that is full is full every minute: said once. */
  #isUnwritten = false

  private constructor(backupDir: string, ports: RunningPorts, log: SchedulerLog) {
    this.#backupDir = backupDir
    this.#ports = ports
    this.#log = log
    this.#startedAt = ports.clock.now().toISOString()
    this.#digestedAt = this.#startedAt
  }

  static async open(
    backupDir: string,
    tasks: readonly Task[],
    ports: RunningPorts,
    log: SchedulerLog,
  ): Promise<StateBook> {
    const book = new StateBook(backupDir, ports, log)
    const read = await readState(backupDir)
    if (read === 'damaged') {
      log({
        level: 'warn',
        event: 'state-damaged',
        message: `The state file cannot be read and is rebuilt from the catalog: ${statePath(backupDir)}`,
        fields: { path: statePath(backupDir) },
      })
    }
    const isKnown = read !== 'missing' && read !== 'damaged'
    if (isKnown) book.#take(read)
    await book.setTasks(tasks, { fromCatalog: !isKnown })
    await removeTemporaryStates(backupDir, book.#changes).catch(() => {})
    return book
  }

  /** Adds what is new, and forgets jobs that these databases no longer have. */
  async setTasks(tasks: readonly Task[], { fromCatalog }: { fromCatalog: boolean }): Promise<void> {
    const now = this.#ports.clock.now()
    const wanted = new Set(tasks.map(keyOf))
    const ours = new Set(tasks.map(({ settings }) => settings.name))
    for (const [key, state] of this.#jobs) {
      if (ours.has(state.database) && !wanted.has(key)) this.#jobs.delete(key)
    }
    for (const task of tasks) {
      const { name, maxBackupAgeMs } = task.settings
      const known = this.#databases.get(name)
      this.#databases.set(name, { ...(known ?? NEW_DATABASE), maxBackupAgeMs })
      if (this.#jobs.get(keyOf(task))?.kind === task.job.kind) continue
      const covered = fromCatalog ? await lastRunOf(task, now) : null
      this.#jobs.set(keyOf(task), newJob(task, covered ?? now))
    }
  }

  jobOf(task: Task): JobState {
    const state = this.#jobs.get(keyOf(task))
    if (state === undefined) throw new Error(`no state of ${keyOf(task)}`)
    return state
  }

  pastOf(task: Task): Covered {
    const { coveredUntil, retry } = this.jobOf(task)
    return {
      coveredUntil: new Date(coveredUntil),
      retry: retry === null ? null : { dueAt: new Date(retry.dueAt), at: new Date(retry.at) },
    }
  }

  updateJob(task: Task, changed: Partial<JobState>): void {
    this.#jobs.set(keyOf(task), { ...this.jobOf(task), ...changed })
    this.#changed.jobs.add(keyOf(task))
  }

  databaseOf(name: string): DatabaseState {
    return this.#databases.get(name) ?? NEW_DATABASE
  }

  updateDatabase(name: string, changed: Partial<DatabaseState>): void {
    this.#databases.set(name, { ...this.databaseOf(name), ...changed })
    this.#changed.databases.add(name)
  }

  get digestedAt(): Date {
    return new Date(this.#digestedAt)
  }

  /** What a clock has written that ran far ahead is taken for now: otherwise nothing would run until then. */
  forgetFuture(now: Date): void {
    const at = now.toISOString()
    for (const [key, state] of this.#jobs) {
      if (isFromWrongClock(new Date(state.coveredUntil), now))
        this.#jobs.set(key, { ...state, coveredUntil: at })
    }
    if (isFromWrongClock(this.digestedAt, now)) this.#digestedAt = at
  }

  /** Begins the period of the next digest. */
  digest(at: Date): void {
    this.#digestedAt = at.toISOString()
    for (const name of this.#databases.keys()) this.updateDatabase(name, { failuresSinceDigest: 0 })
  }

  /**
   * Writes down what has changed, as soon as it has: of very many jobs that alone, beside the file, which {@link save}
   * writes as a whole now and then. Never rejects.
   */
  note(): Promise<void> {
    return this.#inTurn(() => (this.#changes === null ? this.#writeWhole(null) : this.#append(this.#changes)))
  }

  /** Writes the file. That it cannot be written is reported, and keeps no backup from being made. Never rejects. */
  save({ stopped }: { readonly stopped: boolean } = { stopped: false }): Promise<void> {
    return this.#inTurn(() => this.#writeWhole(stopped ? this.#ports.clock.now() : null))
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing.then(write)
    return this.#writing
  }

  async #append(changes: string): Promise<void> {
    const { jobs, databases } = this.#takeChanged()
    const change = {
      updatedAt: this.#ports.clock.now().toISOString(),
      databases: Object.fromEntries(databases.map(name => [name, this.databaseOf(name)])),
      jobs: jobs.flatMap(key => this.#jobs.get(key) ?? []),
    }
    try {
      await appendChange(changesPath(this.#backupDir, changes), change, this.#ports)
    } catch {
      // The whole says what is wrong, if it still is.
      await this.#writeWhole(null)
    }
  }

  async #writeWhole(stoppedAt: Date | null): Promise<void> {
    const before = this.#changes
    const changes = this.#jobs.size > WHOLE_JOBS_MAX ? randomBytes(6).toString('hex') : null
    // Until the file is there, nobody knows what changes would be added to.
    this.#changes = null
    this.#takeChanged()
    const state: SchedulerState = {
      schema: 1,
      updatedAt: this.#ports.clock.now().toISOString(),
      scheduler: {
        ...this.#ports.holder,
        startedAt: this.#startedAt,
        stoppedAt: stoppedAt?.toISOString() ?? null,
      },
      digestedAt: this.#digestedAt,
      databases: Object.fromEntries(this.#databases),
      jobs: [...this.#jobs.values()],
      ...(changes === null ? {} : { changes }),
    }
    try {
      await writeState(this.#backupDir, state, this.#ports)
      this.#changes = changes
      this.#isUnwritten = false
      if (before !== null) await removeFile(changesPath(this.#backupDir, before)).catch(() => {})
    } catch (error) {
      this.#reportUnwritten(error)
    }
  }

  #reportUnwritten(error: unknown): void {
    if (this.#isUnwritten) return
    this.#isUnwritten = true
    const { code, message } = toFailure(error)
    this.#log({
      level: 'error',
      event: 'state-not-written',
      message: `The state could not be written; jobs go on without it. ${message}`,
      fields: { path: statePath(this.#backupDir), code },
    })
  }

  #takeChanged(): { readonly jobs: readonly string[]; readonly databases: readonly string[] } {
    const { jobs, databases } = this.#changed
    const taken = { jobs: [...jobs], databases: [...databases] }
    jobs.clear()
    databases.clear()
    return taken
  }

  #take({ databases, jobs, digestedAt, changes }: SchedulerState): void {
    this.#changes = changes ?? null
    for (const [name, state] of Object.entries(databases)) this.#databases.set(name, state)
    for (const state of jobs) this.#jobs.set(`${state.job}/${state.database}`, state)
    this.#digestedAt = digestedAt
  }
}

const NEW_DATABASE: DatabaseState = {
  lastGoodAt: null,
  maxBackupAgeMs: null,
  isOverdue: false,
  overdueToldAt: null,
  lastDrill: null,
  failuresSinceDigest: 0,
}

/** A job of which nothing is known yet. */
export function newJob({ job, settings }: Task, coveredUntil: Date): JobState {
  return {
    job: job.name,
    database: settings.name,
    kind: job.kind,
    coveredUntil: coveredUntil.toISOString(),
    nextRunAt: null,
    running: null,
    retry: null,
    lastRun: null,
    lastSuccessAt: null,
    failingSince: null,
    lastGap: null,
  }
}

/** When a backup job last made one, as its backups tell; null when they tell nothing. */
async function lastRunOf({ job, database }: Task, now: Date): Promise<Date | null> {
  if (job.type === null) return null
  const backups = await database.listBackups({ type: job.type }).catch((): readonly BackupInfo[] => [])
  const last = backups.find(({ created }) => Date.parse(created) <= now.getTime())
  return last === undefined ? null : new Date(last.created)
}

function keyOf({ job, settings }: Task): string {
  return `${job.name}/${settings.name}`
}
