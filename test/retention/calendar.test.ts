/** Periods as clocks and calendars show them, and the spans of policies. */
import { expect, test } from 'vitest'
import { Calendar, type Period } from '../../src/retention/calendar.ts'
import { before, bytesOf, isSize, isSpan } from '../../src/retention/units.ts'

interface Named {
  readonly at: string
  readonly zone: string
  readonly period: Period
  readonly name: string
}

const named = (at: string, zone: string, period: Period, name: string): Named => ({ at, zone, period, name })

test.each([
  // A day begins when the zone's clocks say so.
  named('2025-06-26T22:30:00Z', 'Europe/Berlin', 'day', '2025-06-27'),
  named('2025-06-26T22:30:00Z', 'UTC', 'day', '2025-06-26'),
  named('2025-06-27T03:30:00Z', 'America/Los_Angeles', 'day', '2025-06-26'),
  named('2025-06-26T10:30:00Z', 'Pacific/Kiritimati', 'day', '2025-06-27'),
  // Leap days.
  named('2024-02-29T23:59:59Z', 'UTC', 'day', '2024-02-29'),
  named('2024-02-29T23:59:59Z', 'UTC', 'month', '2024-02'),
  named('2024-02-29T23:30:00Z', 'Europe/Berlin', 'day', '2024-03-01'),
  named('2023-02-28T23:30:00Z', 'Europe/Berlin', 'month', '2023-03'),
  named('2000-02-29T12:00:00Z', 'UTC', 'day', '2000-02-29'),
  // Year ends.
  named('2025-12-31T23:30:00Z', 'Europe/Berlin', 'year', '2026'),
  named('2025-12-31T23:30:00Z', 'UTC', 'year', '2025'),
  named('2026-01-01T07:59:59Z', 'America/Los_Angeles', 'year', '2025'),
  // ISO weeks: a week belongs to the year of its Thursday, and begins on Monday.
  named('2020-12-28T00:00:00Z', 'UTC', 'week', '2020-W53'),
  named('2021-01-03T23:59:59Z', 'UTC', 'week', '2020-W53'),
  named('2021-01-03T23:00:00Z', 'Europe/Berlin', 'week', '2021-W01'),
  named('2021-01-04T00:00:00Z', 'UTC', 'week', '2021-W01'),
  named('2026-12-31T12:00:00Z', 'UTC', 'week', '2026-W53'),
  named('2027-01-03T12:00:00Z', 'UTC', 'week', '2026-W53'),
  named('2024-12-30T12:00:00Z', 'UTC', 'week', '2025-W01'),
  named('2025-06-29T12:00:00Z', 'UTC', 'week', '2025-W26'),
  named('2025-06-30T12:00:00Z', 'UTC', 'week', '2025-W27'),
  named('1969-12-31T12:00:00Z', 'UTC', 'week', '1970-W01'),
  // Hours: by the zone's clocks, also where those are half an hour off.
  named('2025-06-27T10:29:59Z', 'UTC', 'hour', '2025-06-27T10:00'),
  named('2025-06-27T10:29:59Z', 'Asia/Kolkata', 'hour', '2025-06-27T09:30'),
  named('2025-06-27T10:30:00Z', 'Asia/Kolkata', 'hour', '2025-06-27T10:30'),
  // The hour that comes twice when the clocks go back is two.
  named('2025-10-26T00:30:00Z', 'Europe/Berlin', 'hour', '2025-10-26T00:00'),
  named('2025-10-26T01:30:00Z', 'Europe/Berlin', 'hour', '2025-10-26T01:00'),
])('$at in $zone is in the $period $name', ({ at, zone, period, name }) => {
  expect(new Calendar(zone).nameOf(period, new Date(at))).toBe(name)
})

test.each([
  ['2025-03-30', 23],
  ['2025-10-26', 25],
  ['2025-06-27', 24],
])('%s has %i hours in Berlin, and every one of them is in that day', (day, hours) => {
  const calendar = new Calendar('Europe/Berlin')
  const start = calendar.instantOf(`${day}T00:00:00`)?.getTime() ?? Number.NaN
  const at = (hour: number): Date => new Date(start + hour * 3_600_000)
  const days = Array.from({ length: hours }, (_, hour) => calendar.nameOf('day', at(hour)))
  expect(new Set(days)).toEqual(new Set([day]))
  expect([calendar.nameOf('day', at(-1)), calendar.nameOf('day', at(hours))]).not.toContain(day)
  expect(new Set(days.map((_, hour) => calendar.nameOf('hour', at(hour)))).size).toBe(hours)
})

test.each([
  ['2025-06-27T14:30:22', 'Europe/Berlin', '2025-06-27T12:30:22.000Z'],
  ['2025-10-26T02:30:00', 'Europe/Berlin', '2025-10-26T00:30:00.000Z'],
  ['2025-01-01T00:00:00', 'Pacific/Kiritimati', '2024-12-31T10:00:00.000Z'],
  ['2024-02-29T23:59:59', 'America/New_York', '2024-03-01T04:59:59.000Z'],
])('clocks that show %s in %s show it at %s', (shown, zone, at) => {
  expect(new Calendar(zone).instantOf(shown)?.toISOString()).toBe(at)
})

test('an hour that the clocks skip is found beside where it would be, and nonsense nowhere', () => {
  const calendar = new Calendar('Europe/Berlin')
  const skipped = calendar.instantOf('2025-03-30T02:30:00')?.getTime() ?? 0
  expect(Math.abs(skipped - Date.parse('2025-03-30T01:00:00Z'))).toBeLessThanOrEqual(1_800_000)
  expect(calendar.instantOf('2025-99-99T99:99:99')).toBeNull()
})

test.each([
  ['12h', '2025-03-31T00:00:00.000Z'],
  ['30d', '2025-03-01T12:00:00.000Z'],
  ['8w', '2025-02-03T12:00:00.000Z'],
  ['1m', '2025-02-28T12:00:00.000Z'],
  ['13m', '2024-02-29T12:00:00.000Z'],
  ['1y', '2024-03-31T12:00:00.000Z'],
  ['1y1m1d12h', '2024-02-28T00:00:00.000Z'],
])('%s before noon on 31 March 2025 was %s', (span, then) => {
  expect(before(new Date('2025-03-31T12:00:00Z'), span).toISOString()).toBe(then)
})

test('a year before a leap day was the last of February', () => {
  expect(before(new Date('2024-02-29T01:00:00Z'), '1y').toISOString()).toBe('2023-02-28T01:00:00.000Z')
})

test('the longest span that can be written still is one', () => {
  const longest = '99999y99999m99999w99999d999999h'
  expect(isSpan(longest)).toBe(true)
  expect(before(new Date('2025-01-01'), longest).getTime()).toBeLessThan(0)
})

test.each(['', '0d', '0h', '30', 'd', '30 d', '-3d', '3.5d', '30D', '1d1y', '30days', '1000000d', 'x'])(
  '%j is no span',
  text => expect(isSpan(text)).toBe(false),
)

test.each([
  ['10GB', 10_000_000_000],
  ['512MiB', 536_870_912],
  ['1.5 GiB', 1_610_612_736],
  ['100 b', 100],
  ['2tb', 2_000_000_000_000],
])('%s are %i bytes', (text, count) => {
  expect(isSize(text)).toBe(true)
  expect(bytesOf(text)).toBe(count)
})

test.each(['', '10', 'GB', '10 G B', '-1GB', '1e3MB', '10EB', '1,5GB'])('%j is no size', text =>
  expect(isSize(text)).toBe(false),
)
