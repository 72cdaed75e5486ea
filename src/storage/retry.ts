/** Trying again what may pass, for a while. */
import { BackupError, cancelled, throwIfCancelled } from '../errors.ts'
import { type Pace, REAL_PACE } from './bandwidth.ts'
import { SourceFailed } from './source.ts'

export interface Patience {
  /** What lies between the first two tries; it doubles from then on. */
  readonly firstDelayMs: number
  readonly maxDelayMs: number
  /** How long all tries may take without any progress, with what lies between. */
  readonly deadlineMs: number
  /** A connection over which nothing goes for so long is dead, even if nobody has said so. */
  readonly idleMs: number
}

/**
 * A server that restarts, or a line that comes back, does so within two minutes; a person is not kept longer. Before it
 * answers a server may think about a large upload, or flush one, for a while.
 */
export const PATIENCE: Patience = {
  firstDelayMs: 500,
  maxDelayMs: 20_000,
  deadlineMs: 150_000,
  idleMs: 60_000,
}

/** What sending is given beyond that while bytes go: a line of 16 KiB a second is a slow one. */
const SLOWEST_BYTES_PER_SECOND = 16 << 10

export interface RetryPorts {
  readonly patience: Patience
  readonly pace: Pace
  /** From 0 to 1: so that a hundred machines do not come back at the same instant. */
  readonly random: () => number
}

export const RETRY_PORTS: RetryPorts = { patience: PATIENCE, pace: REAL_PACE, random: Math.random }

/** How long sending so many bytes may take on the slowest line, in milliseconds. */
export function slowestMs(sizeBytes: number): number {
  return (sizeBytes / SLOWEST_BYTES_PER_SECOND) * 1000
}

/** How long to wait before the next try, in milliseconds. Reads no clock. */
export function delayBeforeTry(
  failures: number,
  { firstDelayMs, maxDelayMs }: Patience,
  random: number,
): number {
  return Math.min(firstDelayMs * 2 ** (failures - 1), maxDelayMs) * (0.5 + random / 2)
}

/** Counts failures in a row, and says when it has been long enough. */
export class Retries {
  readonly #ports: RetryPorts
  readonly #extraMs: number
  #failures = 0
  #deadline = 0
  #last: unknown
  /** How much longer it may still become. */
  #extraLeftMs = 0
  /** When bytes went last. */
  #movedAt = 0

  /** @param extraMs how much longer than usual it may take while bytes go, as large requests do */
  constructor(ports: RetryPorts, extraMs = 0) {
    this.#ports = ports
    this.#extraMs = extraMs
    this.#startAnew()
  }

  /** Milliseconds until it has been long enough, should bytes go all the time. */
  get remainingMs(): number {
    return Math.max(0, this.#deadline + this.#extraLeftMs - this.#ports.pace.now())
  }

  /** Something arrived: the next failure is a first one. */
  succeeded(): void {
    this.#failures = 0
    this.#last = undefined
    this.#startAnew()
  }

  /**
   * Bytes went, though nobody has said that they arrived: the time that they took does not count. Not without end, as they
   * may go in vain each time.
   */
  moved(): void {
    const now = this.#ports.pace.now()
    const tookMs = Math.min(now - this.#movedAt, this.#extraLeftMs)
    this.#movedAt = now
    this.#deadline += tookMs
    this.#extraLeftMs -= tookMs
  }

  /** Waits until it may be tried again; throws `error` when it will not pass, or not in time. */
  async failed(error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw cancelled()
    // Content that can be read only once cannot be sent again: what is told is why that was wanted.
    if (error instanceof SourceFailed) throw this.#last ?? error
    if (!mayPass(error)) throw error
    // What was cut by the deadline itself tells less than what failed before it.
    if (this.#ports.pace.now() >= this.#deadline) throw this.#last ?? error
    this.#last = error
    this.#failures++
    const delayMs = delayBeforeTry(this.#failures, this.#ports.patience, this.#ports.random())
    if (this.#ports.pace.now() + delayMs >= this.#deadline) throw error
    await this.#ports.pace.sleep(delayMs, signal)
    this.#movedAt = this.#ports.pace.now()
  }

  #startAnew(): void {
    const now = this.#ports.pace.now()
    this.#deadline = now + this.#ports.patience.deadlineMs
    this.#extraLeftMs = this.#extraMs
    this.#movedAt = now
  }
}

/**
 * Tries until it succeeds, fails for good, or has taken too long.
 *
 * @param attempt is to call `moved` whenever some of its bytes have gone
 */
export async function withRetry<T>(
  attempt: (signal: AbortSignal, moved: () => void) => Promise<T>,
  { ports, signal, extraMs }: { ports: RetryPorts; signal: AbortSignal; extraMs?: number },
): Promise<T> {
  const retries = new Retries(ports, extraMs)
  const moved = (): void => retries.moved()
  for (;;) {
    throwIfCancelled(signal)
    const limit = AbortSignal.timeout(Math.ceil(retries.remainingMs) + 1)
    try {
      return await attempt(AbortSignal.any([signal, limit]), moved)
    } catch (error) {
      await retries.failed(error, signal)
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof BackupError && error.code === 'TARGET_UNREACHABLE'
}
