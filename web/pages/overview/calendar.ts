import type { DayView } from '../../api/types.ts'

/** One square of the calendar. */
export interface CalendarDay {
  /** "2025-06-27" */
  readonly date: string
  readonly state: 'none' | 'backup' | 'damaged' | 'before' | 'after'
  readonly backups: number
}

export interface CalendarMonth {
  /** "2025-06" */
  readonly key: string
  /** "June 2025" */
  readonly name: string
  /** Empty squares before the first day, so that weeks begin on Monday. */
  readonly lead: number
  readonly days: readonly CalendarDay[]
}

const MONTHS = 12
const monthName = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' })

/**
 * The twelve months up to `today`, day by day. Dates are names of days here, without a time zone.
 *
 * @param today "2025-06-27"
 */
export function calendarMonths(history: readonly DayView[], today: string): readonly CalendarMonth[] {
  const byDate = new Map(history.map(day => [day.date, day]))
  const begin = history.reduce((least, { date }) => (date < least ? date : least), today)
  const [year = 0, month = 0] = today.split('-').map(Number)
  return Array.from({ length: MONTHS }, (_, index) => {
    const first = new Date(Date.UTC(year, month - MONTHS + index, 1))
    const length = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate()
    const key = first.toISOString().slice(0, 'YYYY-MM'.length)
    const days = Array.from({ length }, (_unused, day): CalendarDay => {
      const date = `${key}-${String(day + 1).padStart(2, '0')}`
      return {
        date,
        state: stateOf(byDate.get(date), date, begin, today),
        backups: byDate.get(date)?.backups ?? 0,
      }
    })
    return { key, name: monthName.format(first), lead: (first.getUTCDay() + 6) % 7, days }
  })
}

function stateOf(day: DayView | undefined, date: string, begin: string, today: string): CalendarDay['state'] {
  // First: days are the server's, where another one may have begun than in this browser.
  if (day !== undefined && day.damaged > 0) return 'damaged'
  if (day !== undefined && day.backups > 0) return 'backup'
  if (date > today) return 'after'
  return date < begin ? 'before' : 'none'
}

/** What the month shows, in a sentence. */
export function monthInWords({ name, days }: CalendarMonth): string {
  const past = days.filter(({ state }) => state !== 'after' && state !== 'before')
  if (past.length === 0) return `${name}: nothing was backed up yet.`
  const made = past.filter(({ backups }) => backups > 0)
  const gaps = past.filter(({ state }) => state === 'none').map(({ date }) => Number(date.slice(-2)))
  const damaged = past.filter(({ state }) => state === 'damaged').map(({ date }) => Number(date.slice(-2)))
  return [
    `${name}: backups on ${made.length} of ${past.length} days.`,
    gaps.length > 0 && `None on: ${gaps.join(', ')}.`,
    damaged.length > 0 && `Damaged on: ${damaged.join(', ')}.`,
  ]
    .filter(part => part !== false)
    .join(' ')
}
