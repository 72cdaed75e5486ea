/** When a cron expression runs. Pure: the instant to start from is given. */
import { Cron } from 'croner'

/** A cron expression in a time zone. */
export interface CronTime {
  /** Five fields, or six with seconds in front; names, lists, ranges, steps, `L`, `#` and `@daily` as croner has them. */
  readonly cron: string
  /** IANA name; undefined: the system's. */
  readonly timeZone: string | undefined
}

/** croner keeps a parsed expression in memory only; parsing takes as long as ten answers. */
const parsed = new Map<string, Cron>()

/**
 * The first run after `after`; null when there is none within croner's reach (31 February).
 *
 * An expression without `*` or steps in its hours, minutes and seconds means times of the day: where the clocks
 * skip one it runs at the first instant after the gap, where they repeat one it runs the first time only.
 * Any other means an interval, and runs whenever the clock shows such a time. A date that a zone leaves out
 * altogether (Apia, 30 December 2011) is no day, and has no run.
 */
export function nextRunAfter({ cron, timeZone }: CronTime, after: Date): Date | null {
  return parse(cron, timeZone).nextRun(after)
}

/** What is wrong with a cron expression; null when it is one, and has a run. */
export function cronProblem(cron: string): string | null {
  try {
    const next = parse(cron, 'UTC').nextRun(new Date(0))
    return next === null ? 'it never comes' : null
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error)
  }
}

function parse(cron: string, timeZone: string | undefined): Cron {
  const key = `${timeZone ?? ''} ${cron}`
  const known = parsed.get(key)
  if (known !== undefined) return known
  // croner takes a text that looks like a date for one run at that instant.
  if (/^\s*\d{4}-\d\d/.test(cron)) throw new Error('a date is no cron expression')
  const made = new Cron(cron, {
    paused: true,
    mode: '5-or-6-parts',
    fixedTimeRule: 'no-wildcard',
    ...(timeZone === undefined ? {} : { timezone: timeZone }),
  })
  parsed.set(key, made)
  return made
}
