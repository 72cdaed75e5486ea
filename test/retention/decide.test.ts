/** What a policy keeps, rule by rule. */
import { expect, test } from 'vitest'
import { capDeletions } from '../../src/retention/decide.ts'
import { DEFAULT_POLICY, policyFor, type RetentionRules } from '../../src/retention/policy.ts'
import type { Candidate } from '../../src/retention/standing.ts'
import { daily, decide, kept, madeUp } from './made-up.ts'

/** Ends of days that are far from each other. */
const lastDays = (backups: readonly Candidate[], rules: RetentionRules, timeZone = 'UTC'): string[] =>
  kept(backups, { policy: { daily: rules }, timeZone }).map(created => created.slice(0, 'YYYY-MM-DD'.length))

test('keep-last keeps the newest, keep-daily one of each day that has one', () => {
  const everySecondDay = [
    ...daily('2025-06-27', 1),
    ...daily('2025-06-25', 1),
    ...daily('2025-06-23', 1),
    ...daily('2025-06-23', 1, {}, '05'),
  ]
  expect(kept(everySecondDay, { policy: { daily: { keepLast: 3 } } })).toEqual([
    '2025-06-27T02:00',
    '2025-06-25T02:00',
    '2025-06-23T05:00',
  ])
  expect(kept(everySecondDay, { policy: { daily: { keepDaily: 3 } } })).toEqual([
    '2025-06-27T02:00',
    '2025-06-25T02:00',
    '2025-06-23T05:00',
  ])
  expect(kept(everySecondDay, { policy: { daily: { keepLast: 4, keepDaily: 1 } } })).toHaveLength(4)
})

test('a rule that wants more than there are keeps all', () => {
  for (const rules of [{ keepLast: 99 }, { keepHourly: 99 }, { keepDaily: 99 }, { keepWithin: '99y' }]) {
    expect(lastDays(daily('2025-06-27', 5), rules), JSON.stringify(rules)).toHaveLength(5)
  }
})

test('keep-hourly tells the two hours apart that the clocks of a time zone show as one', () => {
  const backups = ['00:10', '00:50', '01:10', '01:50', '02:10'].map(time => madeUp(`2025-10-26T${time}:00Z`))
  expect(
    kept(backups, { policy: { daily: { keepHourly: 24 } }, timeZone: 'Europe/Berlin' }).map(created =>
      created.slice(11),
    ),
  ).toEqual(['02:10', '01:50', '00:50'])
})

test.each([
  { what: 'spring', last: '2025-04-01' },
  { what: 'autumn', last: '2025-10-28' },
])('keep-daily keeps every day across the change of clocks in $what', ({ last }) => {
  // At half past midnight in Berlin, where an hour more or less makes another day of it in UTC.
  const backups = Array.from({ length: 14 }, (_, back) => {
    const day = new Date(Date.parse(last) - back * 86_400_000).toISOString().slice(0, 10)
    const isSummer = day >= '2025-03-31' && day <= '2025-10-26'
    return madeUp(new Date(Date.parse(`${day}T00:30:00Z`) - (isSummer ? 2 : 1) * 3_600_000).toISOString())
  })
  for (let count = 1; count <= 14; count++) {
    expect(lastDays(backups, { keepDaily: count }, 'Europe/Berlin')).toHaveLength(count)
  }
})

test('keep-weekly keeps the last of each ISO week, also over a year of 53', () => {
  const kept = lastDays(daily('2021-01-13', 40), { keepWeekly: 5 })
  expect(kept).toEqual(['2021-01-13', '2021-01-10', '2021-01-03', '2020-12-27', '2020-12-20'])
})

test('keep-monthly and keep-yearly keep the last of each, leap days and year ends included', () => {
  const backups = daily('2024-03-02', 780)
  expect(lastDays(backups, { keepMonthly: 4 })).toEqual([
    '2024-03-02',
    '2024-02-29',
    '2024-01-31',
    '2023-12-31',
  ])
  expect(lastDays(backups, { keepYearly: 9 })).toEqual(['2024-03-02', '2023-12-31', '2022-12-31'])
})

test('the year ends when the clocks of the time zone say so', () => {
  const backups = ['2025-12-31T22:30:00Z', '2025-12-31T23:30:00Z', '2026-01-01T04:00:00Z'].map(at =>
    madeUp(at),
  )
  const yearly = (timeZone: string): string[] =>
    kept(backups, { policy: { daily: { keepYearly: 2 } }, timeZone })
  expect(yearly('Europe/Berlin')).toEqual(['2026-01-01T04:00', '2025-12-31T22:30'])
  expect(yearly('UTC')).toEqual(['2026-01-01T04:00', '2025-12-31T23:30'])
  expect(yearly('America/Los_Angeles')).toEqual(['2026-01-01T04:00'])
})

test('keep-within counts from the newest backup, to the second', () => {
  const backups = [...daily('2025-06-27', 10)]
  const within = (keepWithin: string, now?: string): string[] =>
    kept(backups, { policy: { daily: { keepWithin } }, ...(now === undefined ? {} : { now }) })
  expect(within('3d')).toHaveLength(4)
  expect(within('71h')).toHaveLength(3)
  expect(within('72h')).toHaveLength(4)
  // However long nothing was made.
  expect(within('3d', '2025-07-20T00:00:00Z')).toHaveLength(4)
})

test('max-size lets the oldest go, and alone keeps all that fit', () => {
  const backups = daily('2025-06-27', 10, { size: 1000 })
  expect(lastDays(backups, { maxSize: '4KB' })).toEqual([
    '2025-06-27',
    '2025-06-26',
    '2025-06-25',
    '2025-06-24',
  ])
  expect(lastDays(backups, { maxSize: 4999, keepLast: 9 })).toHaveLength(4)
  expect(lastDays(backups, { maxSize: '1TB', keepLast: 9 })).toHaveLength(9)
  const [, , , , gone] = decide(backups, { policy: { daily: { maxSize: '4KB' } } })
  expect(gone).toMatchObject({ keptBy: [], why: 'it does not fit into 4KB' })
})

test('max-size takes neither the newest, nor what min-count, min-age, a pin or a guard keeps', () => {
  const backups = daily('2025-06-27', 10, { size: 1000 })
  expect(lastDays(backups, { maxSize: 1 })).toEqual(['2025-06-27'])
  expect(lastDays(backups, { maxSize: 1, minCount: 3 })).toHaveLength(3)
  expect(lastDays(backups, { maxSize: 1, minAge: '4d' })).toHaveLength(4)
  const pinned = madeUp('2025-01-01T00:00:00Z', {
    pinned: { reason: 'r', by: 'b', at: '2025-01-01T00:00:00Z' },
  })
  // What is kept whatever its size takes its part of the room.
  expect(lastDays([...backups, pinned], { maxSize: 2100, keepLast: 5 })).toEqual([
    '2025-06-27',
    '2025-06-26',
    '2025-01-01',
  ])
})

test('a younger backup than the minimum age stays, whatever the other rules say', () => {
  const backups = daily('2025-06-27', 10)
  expect(lastDays(backups, { keepLast: 1, minAge: '3d' })).toHaveLength(3)
  expect(lastDays(backups, { keepLast: 1, minAge: '1y' })).toHaveLength(10)
})

test('each type has rules of its own, and types that the policy does not name are kept', () => {
  const backups = ['daily', 'manual', 'pre_restore', 'hourly'].flatMap(type =>
    daily('2025-06-27', 20, { type }),
  )
  backups.push(...daily('2025-06-27', 140, { type: 'weekly' }).filter((_, back) => back % 7 === 5))
  const counts = (policy: Record<string, RetentionRules>): Record<string, number> => {
    const staying = decide(backups, { policy }).filter(({ keptBy }) => keptBy.length > 0)
    return Object.fromEntries(
      [...Map.groupBy(staying, ({ backup }) => backup.type)].map(([type, list]) => [type, list.length]),
    )
  }
  // pre_restore: five, and those of the last week.
  expect(counts(DEFAULT_POLICY)).toEqual({ daily: 7, weekly: 4, manual: 20, pre_restore: 7, hourly: 20 })
  expect(counts({ manual: { keepLast: 2 }, hourly: { keepDaily: 3 } })).toEqual({
    daily: 20,
    weekly: 20,
    manual: 2,
    pre_restore: 20,
    hourly: 3,
  })
})

test('by default of ten daily backups on one day seven stay, and one of each of seven days', () => {
  const today = Array.from({ length: 10 }, (_, hour) => madeUp(`2025-06-27T1${hour}:00:00Z`))
  const backups = [...today, ...daily('2025-06-26', 10)]
  const staying = kept(backups, { policy: DEFAULT_POLICY })
  expect(staying.filter(created => created.startsWith('2025-06-27'))).toHaveLength(7)
  expect(new Set(staying.map(created => created.slice(0, 10))).size).toBe(7)
})

test('every decision says why', () => {
  const decisions = decide(daily('2025-06-27', 9), {
    policy: { daily: { keepLast: 1, keepDaily: 2, keepWithin: '3d' } },
  })
  expect(decisions.slice(0, 2).map(({ keptBy }) => keptBy)).toEqual([
    ['newest', 'last-good', 'keep-last', 'keep-daily', 'keep-within'],
    ['keep-daily', 'keep-within'],
  ])
  expect(decisions[1]?.why).toBe('the newest of the day 2025-06-26; within 3d of the newest')
  expect(decisions.at(-1)).toMatchObject({ keptBy: [], why: 'no rule keeps it' })
})

test.each([
  ['no type', {}],
  ['no rule', { daily: {} }],
  ['only zeros', { daily: { keepLast: 0, keepDaily: 0 } }],
  ['only what stays at least', { daily: { minCount: 3, minAge: '3d' } }],
  ['one type that keeps nothing', { daily: { keepLast: 3 }, weekly: {} }],
] as const)('a policy with %s is refused', (_, policy) => {
  expect(() => decide(daily('2025-06-27', 3), { policy })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
})

test('dailyKeep and weeklyKeep change the configured policy, a policy replaces it, a type narrows it', () => {
  const manual = { keepLast: 9 }
  const configured = { ...DEFAULT_POLICY, manual }
  expect(policyFor({}, configured)).toEqual(configured)
  expect(policyFor({ dailyKeep: 14 }, configured)).toEqual({
    ...configured,
    daily: { keepLast: 14, keepDaily: 14 },
  })
  expect(policyFor({ weeklyKeep: 8 }, configured).weekly).toEqual({ keepLast: 8, keepWeekly: 8 })
  expect(policyFor({ policy: { manual: { keepLast: 1 } } }, configured)).toEqual({ manual: { keepLast: 1 } })
  expect(policyFor({ type: 'manual' }, configured)).toEqual({ manual })
  for (const wanted of [
    { dailyKeep: 0 },
    { type: 'hourly' },
    { dailyKeep: 1, policy: { manual } },
    { policy: {} },
  ]) {
    expect(() => policyFor(wanted, configured), JSON.stringify(wanted)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  }
})

test('a run deletes so many at most, the oldest, and says of the others that they wait', () => {
  const decisions = decide(daily('2025-06-27', 30), { policy: { daily: { keepLast: 10 } } })
  const capped = capDeletions(decisions, 5)
  expect(capped.map(({ keptBy }) => keptBy[0] ?? 'gone').slice(10)).toEqual([
    ...Array<string>(15).fill('max-deletions'),
    ...Array<string>(5).fill('gone'),
  ])
  expect(capDeletions(decisions, 20)).toEqual(decisions)
})

test('backups of the older system, which say only what the clocks showed, are taken by that and not by their files’ times', () => {
  // As after a copy: every file was modified just now.
  const copied = daily('2025-06-27', 10, { isGood: false, metadata: { created_at: undefined } }).map(
    backup => ({
      ...backup,
      created: '2025-06-27T12:00:00.000Z',
    }),
  )
  const decisions = decide(copied.toReversed(), { policy: { daily: { keepDaily: 7 } } })
  const staying = decisions.filter(({ keptBy }) => keptBy.length > 0)
  expect(staying.map(({ backup }) => backup.metadata?.timestamp)).toEqual(
    copied.slice(0, 7).map(({ metadata }) => metadata?.timestamp),
  )
})
