import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cronProblem, nextRunAfter } from '../../src/schedule/cron.ts'

const HOUR_MS = 3_600_000
const formats = new Map<string, Intl.DateTimeFormat>()

/** "2026-03-29 03:00:00"; Swedish dates are ISO 8601 dates. Made once a zone, for it is asked a million times. */
function wallTime(at: Date, timeZone: string): string {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
  formats.set(timeZone, format)
  return format.format(at)
}

/** Local times of the first runs after an instant. */
function firstRuns(cron: string, timeZone: string, from: string, count: number): string[] {
  const runs: string[] = []
  let run = nextRunAfter({ cron, timeZone }, new Date(from))
  while (run !== null && runs.length < count) {
    runs.push(wallTime(run, timeZone))
    run = nextRunAfter({ cron, timeZone }, run)
  }
  return runs
}

describe('a time that the clocks skip is run once, at the first instant after the gap', () => {
  test.each([
    ['0 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29 03:00:00', '2026-03-30 02:00:00']],
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29 03:00:00', '2026-03-30 02:30:00']],
    ['30 2 * * *', 'America/New_York', '2026-03-07T12:00Z', ['2026-03-08 03:00:00', '2026-03-09 02:30:00']],
    // Half an hour.
    [
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T00:00Z',
      ['2026-10-04 02:30:00', '2026-10-05 02:15:00'],
    ],
    // At midnight.
    ['0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00Z', ['2018-11-04 01:00:00', '2018-11-05 00:00:00']],
    ['0 2,14 * * *', 'Europe/Berlin', '2026-03-28T14:00Z', ['2026-03-29 03:00:00', '2026-03-29 14:00:00']],
    // Both of its times are in the gap or at its end: once.
    ['0 2-3 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29 03:00:00', '2026-03-30 02:00:00']],
  ])('%s in %s', (cron, timeZone, from, expected) => {
    expect(firstRuns(cron, timeZone, from, expected.length)).toEqual(expected)
  })
})

describe('a time that comes twice is run the first time only', () => {
  test.each([
    [
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'],
    ],
    [
      '0 1 * * *',
      'America/New_York',
      '2026-10-31T12:00Z',
      ['2026-11-01T05:00:00.000Z', '2026-11-02T06:00:00.000Z'],
    ],
    [
      '45 1 * * *',
      'Australia/Lord_Howe',
      '2026-04-04T00:00Z',
      ['2026-04-04T14:45:00.000Z', '2026-04-05T15:15:00.000Z'],
    ],
    // Asked in the middle of the second time.
    ['30 2 * * *', 'Europe/Berlin', '2026-10-25T01:10Z', ['2026-10-26T01:30:00.000Z']],
  ])('%s in %s', (cron, timeZone, from, expected) => {
    const runs: string[] = []
    for (let at = new Date(from); runs.length < expected.length;) {
      at = nextRunAfter({ cron, timeZone }, at) as Date
      runs.push(at.toISOString())
    }
    expect(runs).toEqual(expected)
  })
})

test('an interval runs at every instant, whatever the clocks show', () => {
  expect(firstRuns('*/30 * * * *', 'Europe/Berlin', '2026-10-24T23:59Z', 5)).toEqual([
    '2026-10-25 02:00:00',
    '2026-10-25 02:30:00',
    '2026-10-25 02:00:00',
    '2026-10-25 02:30:00',
    '2026-10-25 03:00:00',
  ])
})

test('a date that a zone leaves out has no run, and the days around it have one each', () => {
  expect(firstRuns('0 4 * * *', 'Pacific/Apia', '2011-12-28T20:00Z', 3)).toEqual([
    '2011-12-29 04:00:00',
    '2011-12-31 04:00:00',
    '2012-01-01 04:00:00',
  ])
})

test.each([
  ['0 3 29 2 *', '2026-01-01', '2028-02-29 03:00:00'],
  ['59 23 31 12 *', '2026-12-31', '2026-12-31 23:59:00'],
  ['0 0 1 1 *', '2026-12-31', '2027-01-01 00:00:00'],
  ['0 4 L * *', '2026-02-01', '2026-02-28 04:00:00'],
  ['0 3 * * SUN', '2026-11-25', '2026-11-29 03:00:00'],
  ['@daily', '2026-11-25', '2026-11-26 00:00:00'],
  ['*/5 * * * * *', '2026-11-25T00:00:01Z', '2026-11-25 00:00:05'],
])('%s after %s is %s', (cron, after, expected) => {
  expect(firstRuns(cron, 'UTC', after, 1)).toEqual([expected])
})

test.each([
  ['', /five, six/],
  ['* * *', /five, six/],
  ['0 2 * * * * *', /./],
  ['61 * * * *', /minute/],
  ['a b c d e', /illegal/],
  ['@reboot', /reboot/],
  ['2026-11-25T10:00:00', /date/],
  ['0 0 31 2 *', /never/],
  ['*/0 * * * *', /./],
])('%j is no cron expression, and it says why', (cron, why) => {
  expect(cronProblem(cron)).toMatch(why)
})

test('31 February has no next run', () => {
  expect(nextRunAfter({ cron: '0 0 31 2 *', timeZone: 'UTC' }, new Date(0))).toBeNull()
})

const zones = fc.constantFrom(
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'UTC',
)

/** Every local date between two instants, as noon to noon stepping sees it. */
function datesOf(timeZone: string, fromMs: number, untilMs: number): Set<string> {
  const dates = new Set<string>()
  for (let at = fromMs; at < untilMs; at += 6 * HOUR_MS) {
    dates.add(wallTime(new Date(at), timeZone).slice(0, 10))
  }
  return dates
}

test('over ten years and in every zone a daily job runs exactly once on every date that there is', () => {
  const from = Date.parse('2008-06-15T12:00Z')
  const until = Date.parse('2018-06-15T12:00Z')
  fc.assert(
    fc.property(zones, fc.nat(23), fc.nat(59), (timeZone, hour, minute) => {
      const wanted = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}:00`
      const seen: string[] = []
      let run = nextRunAfter({ cron: `${minute} ${hour} * * *`, timeZone }, new Date(from))
      while (run !== null && run.getTime() < until) {
        const [date = '', time = ''] = wallTime(run, timeZone).split(' ')
        seen.push(date)
        if (time !== wanted) {
          // Only where the clocks skipped it: a second earlier they had not reached it.
          const before = wallTime(new Date(run.getTime() - 1000), timeZone).split(' ')
          const isAfterGap = time > wanted && (before[0] !== date || (before[1] ?? '') < wanted)
          if (!isAfterGap) expect.unreachable(`${date} ${time}`)
        } else {
          // Never the second time: the clocks did not show it in the three hours before.
          for (let back = 1; back <= 6; back++) {
            const earlier = wallTime(new Date(run.getTime() - (back * HOUR_MS) / 2), timeZone)
            if (earlier === `${date} ${time}`) expect.unreachable(`${date} ${time} had been before`)
          }
        }
        run = nextRunAfter({ cron: `${minute} ${hour} * * *`, timeZone }, run)
      }
      expect(new Set(seen).size).toBe(seen.length)
      const dates = [...datesOf(timeZone, from + 24 * HOUR_MS, until - 24 * HOUR_MS)]
      expect(dates.filter(date => !seen.includes(date))).toEqual([])
    }),
    { numRuns: 4 },
  )
}, 120_000)

test('asked at any instant between two runs, the answer is the later one', () => {
  const crons = fc.constantFrom('0 2 * * *', '30 2,14 * * *', '0 3 * * 0', '*/20 * * * *', '0 4 1 * *')
  const instants = fc.date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
  fc.assert(
    fc.property(
      zones,
      crons,
      instants,
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      (timeZone, cron, at, share) => {
        const first = nextRunAfter({ cron, timeZone }, at) as Date
        const second = nextRunAfter({ cron, timeZone }, first) as Date
        expect(first.getTime()).toBeGreaterThan(at.getTime())
        expect(second.getTime()).toBeGreaterThan(first.getTime())
        const between = new Date(first.getTime() + Math.floor(share * (second.getTime() - first.getTime())))
        expect(nextRunAfter({ cron, timeZone }, between)).toEqual(second)
      },
    ),
    { numRuns: 500 },
  )
})
