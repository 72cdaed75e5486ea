/** Whether the clock and the dates of the backups can both be true. Retention by wrong dates deletes the right backups. */

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** Clocks of two machines that share a backup directory differ by less, and a correction of one is smaller. */
const AHEAD_MS_MAX = 5 * MINUTE_MS
/** A cleanup once a month follows the last backup of that month by less. */
const BEHIND_DAYS_MAX = 35

/**
 * Why nothing may be deleted now; null when nothing speaks against it. A backup dated in the future says that the
 * clock went back, or that the backup's date is false. A newest backup of long ago says that the clock jumped far
 * ahead, or that backups have stopped: then the old ones are all there is.
 *
 * @param dates when the backups of one database were made
 */
export function clockProblem(dates: readonly Date[], now: Date): string | null {
  const newest = newestOf(dates)
  const ageMs = now.getTime() - newest.getTime()
  if (-ageMs > AHEAD_MS_MAX) {
    const ahead = dates.filter(date => date.getTime() - now.getTime() > AHEAD_MS_MAX).length
    return `${ahead === 1 ? 'a backup is' : `${ahead} backups are`} dated in the future, up to ${newest.toISOString()}, and it is ${now.toISOString()}: the clock is wrong, or the backups' dates are`
  }
  if (ageMs > BEHIND_DAYS_MAX * DAY_MS) {
    return `the newest backup is ${Math.floor(ageMs / DAY_MS)} days old: backups have stopped, or the clock has jumped`
  }
  return null
}

/** Not `Math.max`: a call takes no more than some hundred thousand values. */
function newestOf(dates: readonly Date[]): Date {
  return new Date(dates.reduce((newest, date) => Math.max(newest, date.getTime()), -Infinity))
}
