/** The time as a scheduler sees it. Tests give it another one, in which years pass in milliseconds. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Clock {
  now(): Date
  /**
   * Resolves once `now()` has reached `at`, or the signal is aborted, or the clock was set back since.
   * The caller looks at the clock again, and decides anew.
   */
  sleepUntil(at: Date, signal: AbortSignal): Promise<void>
  /** Resolves after so long, whatever becomes of the clock; earlier when the signal is aborted. */
  delay(ms: number, signal: AbortSignal): Promise<void>
}

/** A timer does not know of a clock that is set, nor of a machine that slept: it is asked this often. */
const LOOK_MS = 20_000
/** What a correction of the clock may take away without anyone being woken. */
const SET_BACK_MS = 5_000
/** Timers take no longer delays. */
const DELAY_MS_MAX = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => new Date(),
  async sleepUntil(at, signal) {
    let seen = Date.now()
    while (!signal.aborted && seen < at.getTime()) {
      await pause(Math.min(LOOK_MS, at.getTime() - seen), signal)
      const now = Date.now()
      if (now < seen - SET_BACK_MS) return
      seen = now
    }
  },
  delay: (ms, signal) => pause(Math.min(ms, DELAY_MS_MAX), signal),
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
