/** Times in messages. */
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** "2026-11-25 02:00 UTC" */
export function moment(at: Date, timeZone: string | undefined): string {
  // Swedish dates are ISO 8601 dates, British English knows the names of time zones.
  const local = at.toLocaleString('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' })
  const zone = new Intl.DateTimeFormat('en-GB', { timeZone, timeZoneName: 'short' })
    .formatToParts(at)
    .find(part => part.type === 'timeZoneName')?.value
  return `${local} ${zone}`
}

/** "40 seconds", "95 minutes", "30 hours", "12 days"; for a clock that jumped back, none. */
export function span(ms: number): string {
  if (ms < 2 * MINUTE) return count(Math.max(0, Math.round(ms / 1000)), 'second')
  if (ms < 2 * HOUR) return count(Math.round(ms / MINUTE), 'minute')
  if (ms < 2 * DAY) return count(Math.round(ms / HOUR), 'hour')
  return count(Math.floor(ms / DAY), 'day')
}

function count(amount: number, unit: string): string {
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`
}
