/** When a cron expression runs. Pure: the instant to start from is given. */
import { Cron } from 'croner'

/** A cron expression in a time zone. */
export interface CronTime {
  /** Five fields, or six with seconds in front; names, lists, ranges, steps, `L`, `#` and `@daily` as croner has them. */
  readonly cron: string
  /** IANA name; undefined: the system's. */
  readonly timeZone: string | undefined
}

/** An expression, and some of what it has answered: each answer holds for every instant from `from` to `next`. */
interface Parsed {
  readonly cron: Cron
  readonly answers: { readonly from: number; readonly next: number }[]
}

/** croner keeps a parsed expression in memory only; parsing takes as long as ten answers. */
const parsed = new Map<string, Parsed>()
/** Databases by the thousand ask for the run after the last one, and for that after the next. */
const ANSWERS_MAX = 4

/**
 * The first run after `after`; null when there is none within croner's reach (31 February).
 *
 * An expression without `*` or steps in its hours, minutes and seconds means times of the day: where the clocks
 * skip one it runs at the first instant after the gap, where they repeat one it runs the first time only.
 * Any other means an interval, and runs whenever the clock shows such a time. A date that a zone leaves out
 * altogether (Apia, 30 December 2011) is no day, and has no run.
 */
export function nextRunAfter({ cron, timeZone }: CronTime, after: Date): Date | null {
  const { cron: expression, answers } = parse(cron, timeZone)
  const from = after.getTime()
  const known = answers.find(answer => answer.from <= from && from < answer.next)
  if (known !== undefined) return new Date(known.next)
  const next = expression.nextRun(after)
  if (next === null) return null
  answers.unshift({ from, next: next.getTime() })
  answers.length = Math.min(answers.length, ANSWERS_MAX)
  return next
}

/** What is wrong with a cron expression; null when it is one, and has a run. */
export function cronProblem(cron: string): string | null {
  try {
    const next = parse(cron, 'UTC').cron.nextRun(new Date(0))
    return next === null ? 'it never comes' : null
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error)
  }
}

function parse(cron: string, timeZone: string | undefined): Parsed {
  const key = `${timeZone ?? ''} ${cron}`
  const known = parsed.get(key)
  if (known !== undefined) return known
  // croner takes a text that looks like a date for one run at that instant.
  if (/^\s*\d{4}-\d\d/.test(cron)) throw new Error('a date is no cron expression')
  const expression = new Cron(cron, {
    paused: true,
    mode: '5-or-6-parts',
    fixedTimeRule: 'no-wildcard',
    ...(timeZone === undefined ? {} : { timezone: timeZone }),
  })
  const made = { cron: expression, answers: [] }
  parsed.set(key, made)
  return made
}
