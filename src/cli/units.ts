// Not by way of src/index.ts: help and completion load nothing of what operations need.
export { roughSize as bytes } from '../storage/sizes.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY
/** Good enough for "5 months ago". */
const MONTH = 30.44 * DAY
const YEAR = 365.25 * DAY

/** Each unit is used up to its limit: "47 hours ago" says less than "yesterday" would hide, "90 days" more than enough. */
const AGE_UNITS: readonly { unit: Intl.RelativeTimeFormatUnit; ms: number; below: number }[] = [
  { unit: 'minute', ms: MINUTE, below: HOUR },
  { unit: 'hour', ms: HOUR, below: 2 * DAY },
  { unit: 'day', ms: DAY, below: 2 * WEEK },
  { unit: 'week', ms: WEEK, below: 2 * MONTH },
  { unit: 'month', ms: MONTH, below: 2 * YEAR },
]

/** "1,234,567"; by hand, because loading `Intl.NumberFormat` takes longer than listing backups. */
export function number(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** "1 row", "1,234 rows" */
export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`
}

/** Made once, when it is needed: a table of a thousand rows would spend more on it than on all else. */
let relativeTime: Intl.RelativeTimeFormat | undefined

/** "3 hours ago"; for a clock that ran ahead, "in 3 hours". */
export function age(ms: number): string {
  const size = Math.abs(ms)
  if (size < MINUTE) return 'just now'
  const { unit, ms: unitMs } = AGE_UNITS.find(({ below }) => size < below) ?? { unit: 'year', ms: YEAR }
  relativeTime ??= new Intl.RelativeTimeFormat('en')
  return relativeTime.format(Math.trunc(-ms / unitMs), unit)
}

/** "12 ms", "4.2 s", "3m 12s" */
export function duration(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`
  if (ms < MINUTE) return `${(ms / SECOND).toFixed(1)} s`
  const seconds = Math.round(ms / SECOND)
  return new Intl.DurationFormat('en', { style: 'narrow' }).format({
    hours: Math.floor(seconds / 3600),
    minutes: Math.floor((seconds % 3600) / 60),
    seconds: seconds % 60,
  })
}
