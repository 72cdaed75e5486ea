import type { Step } from '../operations/reports.ts'
import { BackupError } from '../errors.ts'
import type { Job } from './here.ts'
import { type Work, workOf } from './process-work.ts'

/**
 * So many looks in a row must find nothing. Looks are counted, not time: when the machine slept or this
 * process was busy, no look was taken, and nothing is held against the job.
 */
const LOOKS = 10
/**
 * Less processor time than this within the period is no sign of life: a thread that waits for room among
 * unwritten pages on a dead disk wakes up five times a second, for nothing.
 */
const CPU_SHARE_MIN = 1 / 10_000
/** For short periods: what looking costs by itself. */
const CPU_MS_MIN = 50
/** Timers take no longer delays. */
const DELAY_MS_MAX = 2 ** 31 - 1

/**
 * Watches a job for signs of life: reports of progress, and work of the processes that do it, because
 * SQLite's check of a large database says nothing for long. Calls `onStall` once, with their ids, when there
 * was none for `silenceMs`. Does not keep this process alive.
 */
export class StallWatch implements Disposable {
  readonly #pid: number
  readonly #silenceMs: number
  readonly #onStall: (pids: readonly number[]) => void
  #timer: NodeJS.Timeout | undefined
  #silentLooks = 0
  /** As it was at the last sign of life. */
  #seen: Work | null = null
  #isOver = false

  constructor(pid: number, silenceMs: number, onStall: (pids: readonly number[]) => void) {
    this.#pid = pid
    this.#silenceMs = silenceMs
    this.#onStall = onStall
    this.#schedule()
  }

  /** Notes a sign of life. */
  sign(): void {
    this.#silentLooks = 0
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    const delayMs = Math.min(Math.ceil(this.#silenceMs / LOOKS), DELAY_MS_MAX)
    this.#timer = setTimeout(() => void this.#look(), delayMs).unref()
  }

  async #look(): Promise<void> {
    const work = await workOf(this.#pid)
    if (this.#isOver) return
    if (this.#seen === null || this.#hasWorked(this.#seen, work)) {
      this.#seen = work
      this.#silentLooks = 0
    } else {
      this.#silentLooks++
    }
    if (this.#silentLooks < LOOKS) return this.#schedule()
    this.#isOver = true
    this.#onStall(work.pids)
  }

  /** Figures that shrink are a sign, too: a process of the tree has ended. */
  #hasWorked(before: Work, now: Work): boolean {
    const cpuMsMin = Math.max(CPU_MS_MIN, this.#silenceMs * CPU_SHARE_MIN)
    return now.diskBytes !== before.diskBytes || Math.abs(now.cpuMs - before.cpuMs) >= cpuMsMin
  }
}

/** How long a job may be silent: it is entitled to wait for a lock, which shows no sign either. */
export function silenceMsFor({ settings }: Job): number {
  return settings.stallAfterMs + settings.waitForLockMs
}

/** What a job is answered with that shows no sign of life any more. */
export function stalled(job: Job, step: Step | null): BackupError {
  const { path, backupDir } = job.settings
  const target = 'to' in job.request ? (job.request.to ?? path) : path
  const seconds = Math.round(silenceMsFor(job) / 1000)
  const outcome =
    job.name === 'restore'
      ? 'Once the disk answers, the database is the old one or the new one, whole.'
      : 'What it left unfinished is removed by the next run.'
  return new BackupError(
    'STALLED',
    `No sign of life for ${seconds} s in the step ${step ?? 'start'}: ${target} (backups in ${backupDir})`,
    {
      hint: `A disk or a network share does not answer: check them and the system log. ${outcome} If the disk is only slow, raise stallAfterMs.`,
      path: target,
    },
  )
}
