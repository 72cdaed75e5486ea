import type { RetentionPolicy, RetentionRules } from '../../api/types.ts'

type Rule = keyof RetentionRules

/** Types that have rules by default: without rules of their own, those hold again. */
export const DEFAULT_TYPES: readonly string[] = ['daily', 'weekly', 'pre_restore']

/** The rules in the words of the page, in the order in which they are shown. */
export const RULES: readonly {
  readonly rule: Rule
  readonly label: string
  readonly hint: string
  readonly kind: 'count' | 'text'
}[] = [
  { rule: 'keepLast', label: 'Newest', hint: 'The newest so many.', kind: 'count' },
  { rule: 'keepHourly', label: 'Hourly', hint: 'One of each of so many hours.', kind: 'count' },
  { rule: 'keepDaily', label: 'Daily', hint: 'One of each of so many days.', kind: 'count' },
  { rule: 'keepWeekly', label: 'Weekly', hint: 'One of each of so many weeks.', kind: 'count' },
  { rule: 'keepMonthly', label: 'Monthly', hint: 'One of each of so many months.', kind: 'count' },
  { rule: 'keepYearly', label: 'Yearly', hint: 'One of each of so many years.', kind: 'count' },
  {
    rule: 'keepWithin',
    label: 'Within',
    hint: 'All that are younger, such as 30d, 8w, 6m or 1y.',
    kind: 'text',
  },
  { rule: 'maxSize', label: 'Max size', hint: 'What all together may take, such as 10GiB.', kind: 'text' },
  {
    rule: 'minCount',
    label: 'Min count',
    hint: 'At least so many stay, whatever their size.',
    kind: 'count',
  },
  {
    rule: 'minAge',
    label: 'Min age',
    hint: 'Younger ones stay, whatever their size, such as 7d.',
    kind: 'text',
  },
]

/** What stands in the field of a rule. */
export function fieldText(rules: RetentionRules, rule: Rule): string {
  const value = rules[rule]
  return value === undefined ? '' : String(value)
}

/** The policy with one rule of one type set to what was typed; empty text is no rule. */
export function withRule(
  policy: RetentionPolicy,
  { type, rule }: { readonly type: string; readonly rule: Rule },
  text: string,
): RetentionPolicy {
  const { [rule]: _replaced, ...others } = policy[type] ?? {}
  if (text === '') return { ...policy, [type]: others }
  const isNumber = RULES.find(each => each.rule === rule)?.kind === 'count' || /^\d+$/.test(text)
  return { ...policy, [type]: { ...others, [rule]: isNumber ? Number(text) : text } }
}

export function withoutType(policy: RetentionPolicy, type: string): RetentionPolicy {
  return Object.fromEntries(Object.entries(policy).filter(([each]) => each !== type))
}

/** Whether two policies say the same, in whatever order. */
export function isSamePolicy(a: RetentionPolicy, b: RetentionPolicy): boolean {
  return sortedText(a) === sortedText(b)
}

function sortedText(policy: RetentionPolicy): string {
  const sorted = (object: object): [string, unknown][] =>
    Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(sorted(policy).map(([type, rules]) => [type, sorted(rules as RetentionRules)]))
}
