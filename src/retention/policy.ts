/** What a retention policy says: for each type of backups, which of them are kept. */
import { PRE_RESTORE } from '../catalog/names.ts'
import { BackupError } from '../errors.ts'

/**
 * Which backups of one type are kept: those that any of the `keep…` rules wants, as long as they fit into
 * `maxSize`. A count of 0 is no rule. Spans are written "12h", "30d", "8w", "6m" (months), "1y", or together: "1y6m".
 */
export interface RetentionRules {
  /** The newest so many. */
  readonly keepLast?: number | undefined
  /** The newest of each of the last so many hours that have one; likewise days, ISO weeks, months, years. */
  readonly keepHourly?: number | undefined
  readonly keepDaily?: number | undefined
  readonly keepWeekly?: number | undefined
  readonly keepMonthly?: number | undefined
  readonly keepYearly?: number | undefined
  /** All that are younger than this, counted from the newest backup of the type. */
  readonly keepWithin?: string | undefined
  /**
   * Bytes, or text such as "10GiB" or "512MiB", that all of them may take, packs included; the oldest go first. Alone it
   * keeps all that fit.
   */
  readonly maxSize?: number | string | undefined
  /** At least so many stay, whatever their size. */
  readonly minCount?: number | undefined
  /** Younger ones stay, whatever their size. */
  readonly minAge?: string | undefined
}

/** By type. Backups of a type that it does not name are kept. */
export type RetentionPolicy = Readonly<Record<string, RetentionRules>>

/** What a cleanup keeps of the types daily and weekly unless it is told otherwise. */
const DAILY_KEEP = 7
const WEEKLY_KEEP = 4

/** So many backups of the type, and one of each of so many days, so that repeats on one day push no other day out. */
function dailyRules(count: number): RetentionRules {
  return { keepLast: count, keepDaily: count }
}

function weeklyRules(count: number): RetentionRules {
  return { keepLast: count, keepWeekly: count }
}

/**
 * `manual` and other types are not named, and so kept. What a restore overwrote is missed within days, so
 * pre_restore backups stay for a week at least: over a weekend and the days until somebody looks.
 */
export const DEFAULT_POLICY: RetentionPolicy = {
  daily: dailyRules(DAILY_KEEP),
  weekly: weeklyRules(WEEKLY_KEEP),
  [PRE_RESTORE]: { keepLast: 5, minAge: '7d' },
}

/** A run deletes at most so many backups, the oldest first: a month of daily and weekly ones, more than twice. */
export const DEFAULT_MAX_DELETIONS = 100

const KEEPING = [
  'keepLast',
  'keepHourly',
  'keepDaily',
  'keepWeekly',
  'keepMonthly',
  'keepYearly',
  'keepWithin',
  'maxSize',
] as const satisfies readonly (keyof RetentionRules)[]

/** Whether the rules keep nothing: a typing mistake, not a wish. What only says what stays at least is none. */
export function isEmpty(rules: RetentionRules): boolean {
  return KEEPING.every(rule => rules[rule] === undefined || rules[rule] === 0)
}

/** What to say of rules that keep nothing. */
export const EMPTY_RULES =
  'it keeps nothing: give at least one of keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly, keepWithin or maxSize'

/** Throws `INVALID_ARGUMENT` unless the policy names a type and keeps something of each. */
export function requirePolicy(policy: RetentionPolicy): void {
  const types = Object.entries(policy)
  const [type] = types.find(([, rules]) => isEmpty(rules)) ?? []
  if (types.length > 0 && type === undefined) return
  throw new BackupError(
    'INVALID_ARGUMENT',
    type === undefined
      ? 'The retention policy is empty: it names no type'
      : `The retention policy of ${type} is empty: ${EMPTY_RULES}`,
    { hint: 'To delete certain backups use: chame-backup delete. Nothing was deleted.' },
  )
}

/** What a caller says of a policy, see RetentionRequest. */
interface Wanted {
  readonly dailyKeep?: number
  readonly weeklyKeep?: number
  readonly policy?: RetentionPolicy
  readonly type?: string
}

/**
 * The policy that holds for a call.
 *
 * @param configured what holds where the caller says nothing
 */
export function policyFor(wanted: Wanted, configured: RetentionPolicy): RetentionPolicy {
  const { dailyKeep, weeklyKeep, policy, type } = wanted
  if (policy !== undefined && (dailyKeep !== undefined || weeklyKeep !== undefined)) {
    throw new BackupError('INVALID_ARGUMENT', 'dailyKeep and weeklyKeep cannot be combined with a policy', {
      hint: 'Say it all in the policy, as keepLast and keepDaily of daily, keepLast and keepWeekly of weekly.',
    })
  }
  for (const [of, keep] of Object.entries({ daily: dailyKeep, weekly: weeklyKeep })) {
    if (keep === undefined || type === undefined || type === of) continue
    throw new BackupError('INVALID_ARGUMENT', `${of}Keep is not for backups of type ${type}`, {
      hint: 'Say what to keep of that type, or leave the type out. Nothing was deleted.',
    })
  }
  const all = policy ?? {
    ...configured,
    ...(dailyKeep === undefined ? {} : { daily: dailyRules(dailyKeep) }),
    ...(weeklyKeep === undefined ? {} : { weekly: weeklyRules(weeklyKeep) }),
  }
  requirePolicy(all)
  if (type === undefined) return all
  const rules = Object.hasOwn(all, type) ? all[type] : undefined
  if (rules !== undefined) return { [type]: rules }
  throw new BackupError('INVALID_ARGUMENT', `No rules say what to keep of type ${JSON.stringify(type)}`, {
    hint: `So all of them are kept. Give rules, such as --keep-last 5, or name the type in the configuration's retention.types. There are rules for: ${Object.keys(all).join(', ')}.`,
  })
}
