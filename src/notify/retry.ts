/** Trying again, for a while. */
import { setTimeout as sleep } from 'node:timers/promises'
import { timedOut, Undelivered, unexpected } from './undelivered.ts'

export interface Patience {
  /** How long one attempt may take. */
  readonly attemptMs: number
  /** How long all of them may take, with what lies between. */
  readonly deadlineMs: number
  /** What lies between the first two; it doubles from then on. */
  readonly firstDelayMs: number
}

/** A receiver that restarts is back within a minute; a backup's result need not wait for longer. */
export const PATIENCE: Patience = { attemptMs: 15_000, deadlineMs: 60_000, firstDelayMs: 1000 }
/** A receiver that fails so often has to be looked at. */
const ATTEMPTS_MAX = 5

export interface DeliverOptions {
  readonly patience: Patience
  /** From 0 to 1: so that a hundred machines do not come back at the same instant. */
  readonly random: () => number
  readonly signal: AbortSignal
}

export interface Delivery {
  readonly attempts: number
  /** Null when it succeeded. */
  readonly problem: Undelivered | null
}

/**
 * Attempts until one succeeds, one fails for good, or the time is up. Never throws, and never takes longer than the
 * deadline, whatever an attempt makes of its signal.
 */
export async function deliver(
  attempt: (signal: AbortSignal) => Promise<void>,
  { patience, random, signal }: DeliverOptions,
): Promise<Delivery> {
  const deadline = performance.now() + patience.deadlineMs
  for (let attempts = 1; ; attempts++) {
    const limitMs = Math.min(patience.attemptMs, deadline - performance.now())
    const problem = await attemptOnce(attempt, limitMs, signal)
    if (problem === null) return { attempts, problem }
    const remainingMs = deadline - performance.now()
    const delayMs = delayBeforeNext(problem, { attempts, remainingMs, patience, random: random() })
    if (delayMs === null || signal.aborted) return { attempts, problem }
    await sleep(delayMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return { attempts, problem: cancelled() }
  }
}

/** How long to wait before the next attempt, in milliseconds; null when there is none. Reads no clock. */
export function delayBeforeNext(
  problem: Pick<Undelivered, 'mayRetry' | 'retryAfterMs'>,
  {
    attempts,
    remainingMs,
    patience,
    random,
  }: { attempts: number; remainingMs: number; patience: Patience; random: number },
): number | null {
  if (!problem.mayRetry || attempts >= ATTEMPTS_MAX) return null
  const backOffMs = patience.firstDelayMs * 2 ** (attempts - 1) * (0.75 + random / 2)
  const delayMs = Math.max(backOffMs, problem.retryAfterMs ?? 0)
  return delayMs < remainingMs ? delayMs : null
}

/** What a `Retry-After` header asks for, in milliseconds: seconds, or a date (RFC 9110, 10.2.3). */
export function parseRetryAfter(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const at = header.endsWith('GMT') ? Date.parse(header) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime())
}

/** Null when it succeeded. */
async function attemptOnce(
  attempt: (signal: AbortSignal) => Promise<void>,
  limitMs: number,
  signal: AbortSignal,
): Promise<Undelivered | null> {
  if (signal.aborted) return cancelled()
  const ended = new AbortController()
  const stop = (): void => ended.abort()
  const timer = setTimeout(stop, limitMs)
  signal.addEventListener('abort', stop)
  const stopped = new Promise<never>((_, reject) => {
    // A little later: an attempt that obeys its signal has more to say.
    ended.signal.addEventListener('abort', () => setImmediate(() => reject(timedOut())))
  })
  stopped.catch(() => {})
  try {
    await Promise.race([attempt(ended.signal), stopped])
    return null
  } catch (error) {
    if (signal.aborted) return cancelled()
    return error instanceof Undelivered ? error : unexpected(error)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

function cancelled(): Undelivered {
  return new Undelivered('cancelled', 'Cancelled before it was delivered', {
    hint: 'Send it again when you are ready.',
  })
}
