/** Hours, days, ISO weeks, months and years as a time zone's clocks show them. */

export type Period = 'hour' | 'day' | 'week' | 'month' | 'year'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Making one takes far longer than asking it. */
const formats = new Map<string | undefined, Intl.DateTimeFormat>()

function formatFor(timeZone: string | undefined): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  formats.set(timeZone, format)
  return format
}

/** Tells in which period an instant falls. */
export class Calendar {
  readonly #format: Intl.DateTimeFormat
  /** Every rule asks for the same instants. */
  readonly #shown = new Map<number, number>()

  /** @param timeZone IANA name; undefined means the system's */
  constructor(timeZone: string | undefined) {
    this.#format = formatFor(timeZone)
  }

  /**
   * The name of the period: "2025-06-27", "2025-W26", "2025-06", "2025". That of an hour is the instant of its
   * beginning, for an hour that comes twice when clocks go back is two.
   */
  nameOf(period: Period, instant: Date): string {
    const local = this.local(instant)
    switch (period) {
      case 'hour':
        return new Date(instant.getTime() - mod(local, HOUR_MS))
          .toISOString()
          .slice(0, 'YYYY-MM-DDTHH:MM'.length)
      case 'day':
        return dateOf(local)
      case 'week':
        return isoWeek(local)
      case 'month':
        return dateOf(local).slice(0, -'-DD'.length)
      case 'year':
        return dateOf(local).slice(0, -'-MM-DD'.length)
    }
  }

  /** What the zone's clocks show at an instant, as the milliseconds at which UTC's would show the same. */
  local(instant: Date): number {
    const known = this.#shown.get(instant.getTime())
    if (known !== undefined) return known
    const shown = this.#look(instant)
    this.#shown.set(instant.getTime(), shown)
    return shown
  }

  #look(instant: Date): number {
    const parts: Record<string, string> = {}
    for (const { type, value } of this.#format.formatToParts(instant)) parts[type] = value
    const get = (part: string): number => Number(parts[part])
    const shown = new Date(0)
    shown.setUTCFullYear(parts['era'] === 'BC' ? 1 - get('year') : get('year'), get('month') - 1, get('day'))
    return shown.setUTCHours(get('hour'), get('minute'), get('second'), mod(instant.getTime(), 1000))
  }

  /**
   * The instant at which the zone's clocks show "2025-06-27T14:30:22": the first, where they show it twice. Null
   * for what no clock shows.
   */
  instantOf(timestamp: string): Date | null {
    const shown = Date.parse(`${timestamp}Z`)
    if (Number.isNaN(shown)) return null
    // The zone's offset some hours before a change and after it: one of them fits, or the time is skipped.
    const guesses = [-DAY_MS, DAY_MS].map(away => {
      const near = new Date(shown + away)
      return shown - (this.local(near) - near.getTime())
    })
    const right = guesses.filter(guess => this.local(new Date(guess)) === shown)
    return new Date(Math.min(...(right.length > 0 ? right : guesses)))
  }
}

function dateOf(local: number): string {
  return new Date(local).toISOString().split('T')[0] as string
}

/** The week of the year that its Thursday is in (ISO 8601). */
function isoWeek(local: number): string {
  const day = Math.floor(local / DAY_MS)
  // 1970-01-01 was a Thursday.
  const thursday = day - mod(day + 3, 7) + 3
  const year = new Date(thursday * DAY_MS).getUTCFullYear()
  const week = 1 + Math.floor((thursday - Date.UTC(year, 0, 1) / DAY_MS) / 7)
  return `${year}-W${String(week).padStart(2, '0')}`
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by
}
