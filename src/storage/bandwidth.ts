/** Limiting how many bytes a second go to and come from a target. */
import { setTimeout as sleep } from 'node:timers/promises'
import { cancelled } from '../errors.ts'

/** Where time comes from, so that tests need none. */
export interface Pace {
  /** Milliseconds that only go forward. */
  readonly now: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

export const REAL_PACE: Pace = {
  now: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, { signal }).catch(() => {
      throw cancelled()
    })
  },
}

/** So much may go at once after a pause, in milliseconds' worth of bytes. */
const BURST_MS = 250

/**
 * Tokens, one a byte, that come at a steady rate. Taking more than there are goes into debt, and is waited for: chunks
 * need no cutting, and the rate holds whatever their size.
 */
class TokenBucket {
  readonly #bytesPerSecond: number
  readonly #pace: Pace
  #tokens: number
  #updatedMs: number

  constructor(bytesPerSecond: number, pace: Pace) {
    this.#bytesPerSecond = bytesPerSecond
    this.#pace = pace
    this.#tokens = this.#burst
    this.#updatedMs = pace.now()
  }

  /** Resolves once `bytes` may go. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = this.#pace.now()
    const come = ((now - this.#updatedMs) / 1000) * this.#bytesPerSecond
    this.#updatedMs = now
    this.#tokens = Math.min(this.#burst, this.#tokens + come) - bytes
    if (this.#tokens < 0) await this.#pace.sleep((-this.#tokens / this.#bytesPerSecond) * 1000, signal)
  }

  get #burst(): number {
    return (this.#bytesPerSecond * BURST_MS) / 1000
  }
}

/** Resolves once so many bytes may be sent or were allowed to come. */
export type Spend = (bytes: number, signal: AbortSignal) => Promise<void>

/**
 * One limit for all transfers of a target together. The kinds call it where bytes go over the wire: what is read again
 * only to compare it, as when an upload is resumed, costs nothing.
 *
 * @param bytesPerSecond undefined: no limit
 */
export function limitBandwidth(bytesPerSecond: number | undefined, pace: Pace = REAL_PACE): Spend {
  if (bytesPerSecond === undefined) return async () => {}
  const bucket = new TokenBucket(bytesPerSecond, pace)
  return (bytes, signal) => bucket.take(bytes, signal)
}
