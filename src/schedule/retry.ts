/** Which failures are tried again, and after how long. */
import { ERRORS, type Failure } from '../errors.ts'

const MINUTE_MS = 60_000
/** A lock is gone in a minute, a full disk when somebody has slept. */
const PAUSES_MS: readonly number[] = [1, 5, 15, 60].map(minutes => minutes * MINUTE_MS)

/**
 * Milliseconds until a failed run is tried again; null when it is not.
 *
 * @param attempts how often it has been tried, this time included
 * @param random from 0 to below 1: up to a quarter is added, so that many machines do not come back as one
 */
export function retryAfter(
  { code }: Failure,
  attempts: number,
  retriesMax: number,
  random: number,
): number | null {
  if (!ERRORS[code].retryable || attempts > retriesMax) return null
  const pause = PAUSES_MS[attempts - 1] ?? (PAUSES_MS.at(-1) as number)
  return Math.round(pause * (1 + random / 4))
}
