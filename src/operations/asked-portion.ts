/** How much of what is stored a verification is to look at, as it is asked for: "10m", "5%". Throws `INVALID_ARGUMENT`. */
import { BackupError } from '../errors.ts'
import { parseDuration } from '../schedule/duration.ts'
import { parseShare } from '../schedule/rota.ts'

/** Milliseconds; never 0, in which nothing would be found intact by not being looked at. */
export function askedTime(text: string): number {
  const timeMs = parseDuration(text)
  if (timeMs !== null && timeMs > 0) return timeMs
  throw new BackupError('INVALID_ARGUMENT', `Not a duration: ${JSON.stringify(text)}`, {
    hint: 'Say how long, such as 10m, 2h or 30d.',
  })
}

/** @param whole what it is a share of, for the error */
export function askedShare(text: string, whole: 'the packs' | 'the copies'): number {
  const share = parseShare(text)
  if (share !== null) return share
  throw new BackupError('INVALID_ARGUMENT', `Not a share of ${whole}: ${JSON.stringify(text)}`, {
    hint: 'Say how much, such as 5% or 1/30.',
  })
}
