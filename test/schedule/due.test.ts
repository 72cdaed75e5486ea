import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Covered,
  countMissed,
  coverage,
  decideNextRun,
  type DueRule,
  jitterOffset,
} from '../../src/schedule/due.ts'
import { retryAfter } from '../../src/schedule/retry.ts'
import { ERRORS, type ErrorCode } from '../../src/errors.ts'

const DAY_MS = 86_400_000
const DAILY: DueRule = { cron: '0 2 * * *', timeZone: 'UTC', catchUpWindowMs: 7 * DAY_MS, offsetMs: 0 }
const at = (text: string): Date => new Date(text)
const covered = (text: string): Covered => ({ coveredUntil: at(text), retry: null })

describe('a job', () => {
  test('that is covered waits for its next time', () => {
    expect(decideNextRun(DAILY, covered('2026-11-25T02:00:00Z'), at('2026-11-25T09:00:00Z'))).toEqual({
      at: at('2026-11-26T02:00:00Z'),
      dueAt: at('2026-11-26T02:00:00Z'),
      isRetry: false,
    })
  })

  test('that was missed is due at once, once for all times that were missed', () => {
    const past = covered('2026-11-22T02:00:00Z')
    const now = at('2026-11-25T09:00:00Z')
    const next = decideNextRun(DAILY, past, now)
    expect(next?.at.getTime()).toBeLessThan(now.getTime())
    expect(countMissed(DAILY, past, now)).toBe(3)
    const after = coverage(DAILY, next?.dueAt as Date, at('2026-11-25T09:01:00Z'))
    expect(
      decideNextRun(DAILY, { coveredUntil: after, retry: null }, at('2026-11-25T09:02:00Z'))?.at,
    ).toEqual(at('2026-11-26T02:00:00Z'))
  })

  test('that was missed longer ago than the window is not made up for', () => {
    const monthly = { ...DAILY, cron: '0 4 1 * *' }
    const past = covered('2026-10-01T04:00:00Z')
    expect(decideNextRun(monthly, past, at('2026-11-07T00:00:00Z'))?.at).toEqual(at('2026-11-01T04:00:00Z'))
    expect(decideNextRun(monthly, past, at('2026-11-09T00:00:00Z'))?.at).toEqual(at('2026-12-01T04:00:00Z'))
  })

  test('without a window makes up for nothing', () => {
    const strict = { ...DAILY, catchUpWindowMs: 0 }
    expect(decideNextRun(strict, covered('2026-11-20T02:00:00Z'), at('2026-11-25T02:00:01Z'))?.at).toEqual(
      at('2026-11-26T02:00:00Z'),
    )
  })

  test('that came due while it ran is not run again right after', () => {
    const minutely = { ...DAILY, cron: '* * * * *' }
    const until = coverage(minutely, at('2026-11-25T02:00:00Z'), at('2026-11-25T02:03:30Z'))
    expect(
      decideNextRun(minutely, { coveredUntil: until, retry: null }, at('2026-11-25T02:03:30Z'))?.at,
    ).toEqual(at('2026-11-25T02:04:00Z'))
  })

  test('with jitter starts later, always by as much, and never twice for one time', () => {
    const late = { ...DAILY, offsetMs: 600_000 }
    const first = decideNextRun(late, covered('2026-11-25T02:00:00Z'), at('2026-11-25T12:00:00Z'))
    expect(first).toMatchObject({ at: at('2026-11-26T02:10:00Z'), dueAt: at('2026-11-26T02:00:00Z') })
    const until = coverage(late, at('2026-11-26T02:00:00Z'), at('2026-11-26T02:10:05Z'))
    expect(decideNextRun(late, { coveredUntil: until, retry: null }, at('2026-11-26T02:10:05Z'))?.at).toEqual(
      at('2026-11-27T02:10:00Z'),
    )
  })

  test('without any run left has none', () => {
    expect(
      decideNextRun(
        { ...DAILY, cron: '0 0 31 2 *' },
        covered('2026-01-01T00:00:00Z'),
        at('2026-01-01T00:00:00Z'),
      ),
    ).toBeNull()
  })
})

describe('a retry', () => {
  const past: Covered = {
    coveredUntil: at('2026-11-24T02:00:00Z'),
    retry: { dueAt: at('2026-11-25T02:00:00Z'), at: at('2026-11-25T02:05:00Z') },
  }

  test('comes before the schedule', () => {
    expect(decideNextRun(DAILY, past, at('2026-11-25T02:01:00Z'))).toEqual({
      at: at('2026-11-25T02:05:00Z'),
      dueAt: at('2026-11-25T02:00:00Z'),
      isRetry: true,
    })
  })

  test('is made even of a job that makes up for nothing', () => {
    const strict = { ...DAILY, catchUpWindowMs: 0 }
    expect(decideNextRun(strict, past, at('2026-11-25T02:05:01Z'))).toMatchObject({ isRetry: true })
  })

  test('of longer ago than the window is dropped', () => {
    expect(decideNextRun(DAILY, past, at('2026-12-25T09:00:00Z'))?.isRetry).toBe(false)
  })

  test('whose pause a wrong clock has set is not waited for', () => {
    const ahead = { ...past, retry: { dueAt: at('2026-11-25T02:00:00Z'), at: at('2027-11-25T02:00:00Z') } }
    const now = at('2026-11-25T02:01:00Z')
    expect(decideNextRun(DAILY, ahead, now)?.at).toEqual(now)
  })
})

describe('a clock that jumps', () => {
  test('a year ahead causes one run, and back again none at once', () => {
    const ahead = at('2027-11-25T09:00:00Z')
    const next = decideNextRun(DAILY, covered('2026-11-25T02:00:00Z'), ahead)
    expect(next?.at.getTime()).toBeLessThan(ahead.getTime())
    const until = coverage(DAILY, next?.dueAt as Date, ahead)
    expect(decideNextRun(DAILY, { coveredUntil: until, retry: null }, ahead)?.at).toEqual(
      at('2027-11-26T02:00:00Z'),
    )
    const back = at('2026-11-25T09:05:00Z')
    expect(decideNextRun(DAILY, { coveredUntil: until, retry: null }, back)?.at).toEqual(
      at('2026-11-26T02:00:00Z'),
    )
  })

  test('a little back does not repeat a run', () => {
    const past = covered('2026-11-25T02:00:00.500Z')
    expect(decideNextRun(DAILY, past, at('2026-11-25T01:59:59Z'))?.at).toEqual(at('2026-11-26T02:00:00Z'))
  })

  test('at random never makes two runs for less than a day of it', () => {
    const jumps = fc.array(fc.integer({ min: -400 * DAY_MS, max: 400 * DAY_MS }), {
      minLength: 1,
      maxLength: 40,
    })
    fc.assert(
      fc.property(jumps, steps => {
        let now = Date.parse('2026-11-25T12:00:00Z')
        let past = covered('2026-11-25T02:00:00Z')
        for (const step of steps) {
          now += step
          // However often it is asked at one instant, it runs once.
          let runs = 0
          for (let look = 0; look < 5; look++) {
            const next = decideNextRun(DAILY, past, new Date(now))
            if (next === null || next.at.getTime() > now) break
            runs++
            past = { coveredUntil: coverage(DAILY, next.dueAt, new Date(now)), retry: null }
          }
          expect(runs).toBeLessThanOrEqual(1)
          // And it always comes again within a day and the tolerance.
          const next = decideNextRun(DAILY, past, new Date(now))
          expect((next?.at.getTime() ?? Infinity) - now).toBeLessThanOrEqual(DAY_MS + 3_600_000)
        }
      }),
    )
  })
})

test('ten years of a machine that is on and off at random: every time is run or made up for, none twice', () => {
  const nights = fc.array(
    fc.record({
      onMs: fc.integer({ min: 3_600_000, max: 5 * DAY_MS }),
      offMs: fc.integer({ min: 0, max: 6 * DAY_MS }),
    }),
    { minLength: 1, maxLength: 60 },
  )
  const zones = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe')
  fc.assert(
    fc.property(zones, nights, (timeZone, periods) => {
      const rule = { ...DAILY, timeZone }
      let now = Date.parse('2016-01-01T12:00:00Z')
      const end = Date.parse('2026-01-01T12:00:00Z')
      let past: Covered = { coveredUntil: new Date(now), retry: null }
      let lastRun = now
      for (let i = 0; now < end; i++) {
        const { onMs, offMs } = periods[i % periods.length] as (typeof periods)[number]
        const off = now + onMs
        for (;;) {
          const next = decideNextRun(rule, past, new Date(now))
          if (next === null || next.at.getTime() > off) break
          now = Math.max(now, next.at.getTime())
          past = { coveredUntil: coverage(rule, next.dueAt, new Date(now)), retry: null }
          if (next.dueAt.getTime() <= lastRun) expect.unreachable('a time was run twice')
          lastRun = now
        }
        // While it is on, nothing is left over.
        expect(countMissed(rule, past, new Date(Math.max(now, off)))).toBe(0)
        now = off + offMs
      }
    }),
    { numRuns: 5 },
  )
})

test('the jitter of a job is the same every time, below its limit, and not everybody’s', () => {
  const offsets = Array.from({ length: 200 }, (_, i) => jitterOffset(600_000, `host-${i}/chame/daily`))
  expect(jitterOffset(600_000, 'host-1/chame/daily')).toBe(offsets[1])
  expect(Math.max(...offsets)).toBeLessThan(600_000)
  expect(Math.max(...offsets) - Math.min(...offsets)).toBeGreaterThan(500_000)
  expect(jitterOffset(0, 'x')).toBe(0)
})

test('what may pass is tried again after longer and longer pauses, as often as the job says; nothing else is', () => {
  const failure = (code: ErrorCode) => ({ success: false, code, message: '' }) as const
  const minutes = [1, 2, 3, 4, 5, 6].map(attempt => retryAfter(failure('DATABASE_LOCKED'), attempt, 5, 0))
  expect(minutes).toEqual([60_000, 300_000, 900_000, 3_600_000, 3_600_000, null])
  expect(retryAfter(failure('DATABASE_LOCKED'), 1, 5, 0.999)).toBeLessThan(75_001)
  expect(retryAfter(failure('DATABASE_LOCKED'), 1, 0, 0)).toBeNull()
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    expect(retryAfter(failure(code), 1, 3, 0) !== null, code).toBe(ERRORS[code].retryable)
  }
})
