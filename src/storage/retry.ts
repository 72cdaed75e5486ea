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
}

/** A server that restarts, or a line that comes back, does so within two minutes; a person is not kept longer. */
export const PATIENCE: Patience = { firstDelayMs: 500, maxDelayMs: 20_000, deadlineMs: 150_000 }

export interface RetryPorts {
  readonly patience: Patience
  readonly pace: Pace
  /** From 0 to 1: so that a hundred machines do not come back at the same instant. */
  readonly random: () => number
}

export const RETRY_PORTS: RetryPorts = { patience: PATIENCE, pace: REAL_PACE, random: Math.random }

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
  #deadline: number
  #last: unknown

  /** @param extraMs how much longer than usual it may take, as large requests do */
  constructor(ports: RetryPorts, extraMs = 0) {
    this.#ports = ports
    this.#extraMs = extraMs
    this.#deadline = this.#fromNow()
  }

  /** Milliseconds until it has been long enough. */
  get remainingMs(): number {
    return Math.max(0, this.#deadline - this.#ports.pace.now())
  }

  /** Something arrived: the next failure is a first one. */
  succeeded(): void {
    this.#failures = 0
    this.#last = undefined
    this.#deadline = this.#fromNow()
  }

  /** Waits until it may be tried again; throws `error` when it will not pass, or not in time. */
  async failed(error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw cancelled()
    // Content that can be read only once cannot be sent again: what is told is why that was wanted.
    if (error instanceof SourceFailed) throw this.#last ?? error
    if (!mayPass(error)) throw error
    // What was cut by the deadline itself tells less than what failed before it.
    if (this.remainingMs === 0) throw this.#last ?? error
    this.#last = error
    this.#failures++
    const delayMs = delayBeforeTry(this.#failures, this.#ports.patience, this.#ports.random())
    if (this.#ports.pace.now() + delayMs >= this.#deadline) throw error
    await this.#ports.pace.sleep(delayMs, signal)
  }

  #fromNow(): number {
    return this.#ports.pace.now() + this.#ports.patience.deadlineMs + this.#extraMs
  }
}

/** Tries until it succeeds, fails for good, or has taken too long. */
export async function withRetry<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  { ports, signal, extraMs }: { ports: RetryPorts; signal: AbortSignal; extraMs?: number },
): Promise<T> {
  const retries = new Retries(ports, extraMs)
  for (;;) {
    throwIfCancelled(signal)
    try {
      return await attempt(AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(retries.remainingMs) + 1)]))
    } catch (error) {
      await retries.failed(error, signal)
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof BackupError && error.code === 'TARGET_UNREACHABLE'
}
