/** Times as people read them, in the time zone of the browser. */

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS: number = 24 * HOUR_MS

const instant = lazyFormat({ dateStyle: 'medium', timeStyle: 'short' })
const day = lazyFormat({ dateStyle: 'medium' })
const longDay = lazyFormat({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' })

/** Made when it is first used: each takes milliseconds, for which the first page would wait. */
function lazyFormat(options: Intl.DateTimeFormatOptions): (date: Date) => string {
  let format: Intl.DateTimeFormat | undefined
  return date => (format ??= new Intl.DateTimeFormat('en-GB', options)).format(date)
}

/** "27 Jun 2025, 14:30" */
export function formatInstant(iso: string): string {
  return instant(new Date(iso))
}

export function formatDay(date: Date): string {
  return day(date)
}

/** "Fri, 27 Jun 2025" */
export function formatLongDay(date: Date): string {
  return longDay(date)
}

/** "2025-06-27" of the browser's time zone: what calendars group by. */
export function dayKey(date: Date): string {
  const pad = (part: number): string => String(part).padStart(2, '0')
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
}

/** Where a day such as "2025-06-27" begins on the time line of charts: seconds since 1970, as the browser counts days. */
export function dayStart(date: string): number {
  return new Date(`${date}T00:00:00`).getTime() / SECOND_MS
}

/** "45 s", "3 min", "5 h", "12 days": one unit, rounded down. */
export function formatSpan(ms: number): string {
  if (ms < SECOND_MS) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`
  return `${Math.floor(ms / DAY_MS)} days`
}

/** "5 h ago", "in 3 min", "just now". */
export function formatDistance(iso: string, now: number): string {
  const ms = now - Date.parse(iso)
  if (Math.abs(ms) < 5 * SECOND_MS) return 'just now'
  return ms >= 0 ? `${formatSpan(ms)} ago` : `in ${formatSpan(-ms)}`
}

/** The same of what has happened: the time now is read a few times a minute, and another machine's clock may be ahead. */
export function formatAge(iso: string, now: number): string {
  const aheadMs = Date.parse(iso) - now
  return aheadMs > 0 && aheadMs < MINUTE_MS ? 'just now' : formatDistance(iso, now)
}
