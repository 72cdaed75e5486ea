/** What policies hold over time. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Database } from '../../src/index.ts'
import { Calendar } from '../../src/retention/calendar.ts'
import { DEFAULT_POLICY } from '../../src/retention/policy.ts'
import {
  DEFAULT_SCHEDULE,
  type SimulatedRetention,
  simulateRetention,
  type Simulation,
} from '../../src/retention/simulate.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { daily, store } from './made-up.ts'

const SIMULATION: Omit<Simulation, 'span'> = {
  schedule: DEFAULT_SCHEDULE,
  database: 'app',
  sizeBytes: 1000,
  encoding: 'zstd',
  sharedBytes: 0,
  timeZone: 'Europe/Berlin',
  now: new Date('2025-11-03T12:00:00Z'),
  there: null,
}

function simulate(
  policy: Parameters<typeof simulateRetention>[0],
  span: string,
  timeZone = 'Europe/Berlin',
): SimulatedRetention {
  return simulateRetention(policy, { ...SIMULATION, span, timeZone })
}

test('by default seven daily and four weekly backups are there, once there have been so many', () => {
  const { days, held } = simulate(DEFAULT_POLICY, '90d')
  expect(days).toHaveLength(91)
  expect(days[0]).toEqual({ date: '2025-08-05', counts: { daily: 1 }, count: 1, sizeBytes: 1000 })
  expect(days[90]).toEqual({
    date: '2025-11-03',
    counts: { daily: 7, weekly: 4 },
    count: 11,
    sizeBytes: 11_000,
  })
  for (const { counts } of days.slice(35)) expect(counts).toEqual({ daily: 7, weekly: 4 })
  expect(held).toHaveLength(11)
  expect(held[0]).toMatchObject({ type: 'daily', created: '2025-11-03T01:00:00.000Z' })
})

test.each(['Europe/Berlin', 'Australia/Lord_Howe'])(
  'over ten years with leap days and changes of clocks every rule holds what it promises (%s)',
  timeZone => {
    const policy = { daily: { keepDaily: 7, keepWeekly: 4, keepMonthly: 12, keepYearly: 3 } }
    const { days, held } = simulate({ ...policy, weekly: { keepWeekly: 4 } }, '10y', timeZone)
    expect(days.length).toBeGreaterThanOrEqual(3652)
    const counts = days.slice(4 * 366).map(day => day.counts['daily'] ?? 0)
    // Some days are the last of a week, some of those of a month.
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(7 + 2 + 9 + 1)
    expect(Math.max(...counts)).toBeLessThanOrEqual(7 + 4 + 12 + 3)
    const calendar = new Calendar(timeZone)
    const ends = held.filter(({ type }) => type === 'daily').map(({ created }) => new Date(created))
    for (const [period, count] of [
      ['day', 7],
      ['week', 4],
      ['month', 12],
      ['year', 3],
    ] as const) {
      const periods = new Set(ends.map(end => calendar.nameOf(period, end)))
      expect(periods.size, period).toBeGreaterThanOrEqual(count)
    }
  },
)

test('a size limit shows in what is held', () => {
  const { days } = simulate({ daily: { maxSize: 5000 } }, '30d')
  expect(Math.max(...days.map(({ counts }) => counts['daily'] ?? 0))).toBe(5)
})

test('a size limit counts once what backups of pages have in common, for each type', () => {
  const rules = { daily: { maxSize: 25_000 }, weekly: { maxSize: 22_000 } }
  const pages = { encoding: 'blocks', sharedBytes: 20_000, span: '90d' } as const
  const { days } = simulateRetention(rules, { ...SIMULATION, ...pages })
  expect(days.at(-1)).toMatchObject({ counts: { daily: 5, weekly: 2 }, sizeBytes: 27_000 })
  const none = simulateRetention(rules, { ...SIMULATION, ...pages, span: '1h', there: [] })
  expect(none.days).toMatchObject([{ count: 0, sizeBytes: 0 }])
})

test('the library simulates the policy that holds, with backups as large as the newest', async () => {
  const directory = temporaryDirectory()
  const backupDir = join(directory, 'backups')
  store(backupDir, daily('2025-06-27', 2, { size: 4321 }))
  const database = new Database({ path: join(directory, 'app.db'), backupDir, engine: 'here' })
  const simulated = succeeded(await database.simulateRetention({ dailyKeep: 3, span: '10d' }))
  expect(simulated).toMatchObject({ backupBytes: 4321, days: { length: 11 } })
  expect(simulated.policy['daily']).toEqual({ keepLast: 3, keepDaily: 3 })
  expect(simulated.days.at(-1)?.counts['daily']).toBe(3)
  expect(succeeded(await database.simulateRetention()).days).toHaveLength(91)
  for (const span of ['21y', '99999y', 'soon', '']) {
    failedWith('INVALID_ARGUMENT', await database.simulateRetention({ span }))
  }
})

test('where no backup is yet, a simulation counts, and has no sizes', async () => {
  const directory = temporaryDirectory()
  const database = new Database({ path: join(directory, 'app.db'), backupDir: join(directory, 'backups') })
  const { backupBytes, days } = succeeded(await database.simulateRetention({ span: '10d' }))
  expect(backupBytes).toBe(0)
  expect(days.at(-1)?.counts['daily']).toBe(7)
})

test('ahead, a simulation goes on from the backups there are, and says on which day each of them goes', async () => {
  const directory = temporaryDirectory()
  const backupDir = join(directory, 'backups')
  const today = new Date()
  const dayBefore = (days: number): string =>
    new Date(today.getTime() - days * 86_400_000).toISOString().slice(0, 'YYYY-MM-DD'.length)
  const there = daily(dayBefore(1), 3, { size: 4321 })
  store(backupDir, there)
  const database = new Database({
    path: join(directory, 'app.db'),
    backupDir,
    timeZone: 'UTC',
    engine: 'here',
  })
  const { days, leaving } = succeeded(
    await database.simulateRetention({ dailyKeep: 3, span: '30d', ahead: true }),
  )
  expect(days).toHaveLength(31)
  expect(days[0]).toMatchObject({ date: dayBefore(0), counts: { daily: 3 } })
  // One goes for each that comes, the oldest first.
  expect(leaving.map(({ filename }) => filename)).toEqual(there.map(({ filename }) => filename).toReversed())
  expect(new Set(leaving.map(({ date }) => date)).size).toBe(3)
  expect(days.at(-1)?.counts['daily']).toBe(3)
  expect(succeeded(await database.simulateRetention({ dailyKeep: 3 })).leaving).toEqual([])
})
