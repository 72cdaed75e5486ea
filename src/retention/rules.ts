/** What the rules for one type want to keep, each by itself. */
import type { Calendar, Period } from './calendar.ts'
import type { RetentionRules } from './policy.ts'
import { before } from './units.ts'

/** A backup that rules may decide on, with when it was made. */
export interface Dated<Backup> {
  readonly backup: Backup
  readonly at: Date
  readonly isGood: boolean
}

export type KeepRule =
  | 'keep-last'
  | 'keep-hourly'
  | 'keep-daily'
  | 'keep-weekly'
  | 'keep-monthly'
  | 'keep-yearly'
  | 'keep-within'

/** That a rule wants a backup kept, and why. */
export interface Wish<Backup> {
  readonly dated: Dated<Backup>
  readonly rule: KeepRule
  readonly why: string
}

const PERIODS = [
  { key: 'keepHourly', rule: 'keep-hourly', period: 'hour' },
  { key: 'keepDaily', rule: 'keep-daily', period: 'day' },
  { key: 'keepWeekly', rule: 'keep-weekly', period: 'week' },
  { key: 'keepMonthly', rule: 'keep-monthly', period: 'month' },
  { key: 'keepYearly', rule: 'keep-yearly', period: 'year' },
] as const satisfies readonly { key: keyof RetentionRules; rule: KeepRule; period: Period }[]

/**
 * Every wish of every rule.
 *
 * @param backups of one type, newest first
 */
export function wishes<Backup>(
  backups: readonly Dated<Backup>[],
  rules: RetentionRules,
  calendar: Calendar,
): Wish<Backup>[] {
  const { keepLast = 0 } = rules
  const last = keepLast === 1 ? 'the last one' : `one of the last ${keepLast}`
  return [
    ...backups.slice(0, keepLast).map(dated => ({ dated, rule: 'keep-last' as const, why: last })),
    ...PERIODS.flatMap(({ key, rule, period }) =>
      newestOfEach(backups, period, { count: rules[key] ?? 0, calendar }).map(({ name, dated }) => ({
        dated,
        rule,
        why: `the newest of the ${period} ${name}`,
      })),
    ),
    ...wishesWithin(backups, rules.keepWithin),
  ]
}

/** The newest backup of each of the last `count` periods that have one. */
function newestOfEach<Backup>(
  backups: readonly Dated<Backup>[],
  period: Period,
  { count, calendar }: { readonly count: number; readonly calendar: Calendar },
): { readonly name: string; readonly dated: Dated<Backup> }[] {
  const found = new Map<string, Dated<Backup>>()
  for (const dated of backups) {
    if (found.size >= count) break
    const name = calendar.nameOf(period, dated.at)
    if (!found.has(name)) found.set(name, dated)
  }
  return [...found].map(([name, dated]) => ({ name, dated }))
}

/**
 * Counted from the newest backup and not from now: a clock that jumps ahead makes nothing older, and where no
 * backups are made any more the last ones stay.
 */
function wishesWithin<Backup>(backups: readonly Dated<Backup>[], span: string | undefined): Wish<Backup>[] {
  const [newest] = backups
  if (span === undefined || newest === undefined) return []
  const since = before(newest.at, span)
  return backups
    .filter(({ at }) => at >= since)
    .map(dated => ({ dated, rule: 'keep-within', why: `within ${span} of the newest` }))
}
