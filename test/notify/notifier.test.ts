import { expect, test } from 'vitest'
import { type ChannelConfig, type ChannelResult, type NotifyEvent, openNotifier } from '../../src/index.ts'
import { afterTelling, toldAlready, type ToldState } from '../../src/notify/reminders.ts'
import { AT, EVENTS, FAILED } from './events.ts'
import { openHttpSink, statuses } from './sinks.ts'
import { PATIENCE } from './tell.ts'

const HOUR_MS = 3_600_000
const KINDS = Object.keys(EVENTS) as NotifyEvent['kind'][]

async function kindsReceived(channel: Partial<ChannelConfig>): Promise<NotifyEvent['kind'][]> {
  const sink = await openHttpSink()
  const channels = { it: { kind: 'webhook', url: sink.url, ...channel } as ChannelConfig }
  const notifier = openNotifier({ channels }, { environment: {}, patience: PATIENCE })
  const received: NotifyEvent['kind'][] = []
  for (const kind of KINDS) if ((await notifier.notify(EVENTS[kind])).length > 0) received.push(kind)
  expect(sink.received).toHaveLength(received.length)
  return received
}

test('a channel hears of failures, recoveries, missing backups and the week, unless it is said otherwise', async () => {
  expect(await kindsReceived({})).toEqual(['failed', 'recovered', 'overdue', 'digest', 'test'])
  expect(await kindsReceived({ events: ['job-succeeded', 'digest'] })).toEqual([
    'job-succeeded',
    'digest',
    'test',
  ])
})

test('a ping URL hears of every run and of nothing else', async () => {
  expect(await kindsReceived({ kind: 'ping' })).toEqual(['job-started', 'job-succeeded', 'failed', 'test'])
})

test('a channel of certain databases or jobs hears of those only', async () => {
  const of = ['failed', 'recovered', 'overdue', 'digest', 'test']
  expect(await kindsReceived({ databases: ['shop'] })).toEqual(of)
  expect(await kindsReceived({ databases: ['blog'] })).toEqual(['digest', 'test'])
  expect(await kindsReceived({ jobs: ['daily'] })).toEqual(of)
  expect(await kindsReceived({ jobs: ['weekly'] })).toEqual(['overdue', 'digest', 'test'])
})

function failedAt(hours: number, more: Partial<typeof FAILED> = {}): typeof FAILED {
  return { ...FAILED, at: new Date(AT.getTime() + hours * HOUR_MS), ...more }
}

test('a failure that goes on is told once, and again after the reminder interval', async () => {
  const sink = await openHttpSink()
  const channels = { it: { kind: 'webhook', url: sink.url } } as const
  const notifier = openNotifier({ channels, reminderHours: 24 }, { environment: {} })
  const statusesAt: ChannelResult['status'][] = []
  for (const hours of [0, 1, 23, 24, 25, 47, 48]) {
    for (const { status } of await notifier.notify(failedAt(hours))) statusesAt.push(status)
  }
  expect(statusesAt).toEqual(['sent', 'skipped', 'skipped', 'sent', 'skipped', 'skipped', 'sent'])
  expect(sink.received).toHaveLength(3)
})

test('what was told is plain JSON, and the next notifier goes on from it', async () => {
  const sink = await openHttpSink()
  const channels = { it: { kind: 'webhook', url: sink.url } } as const
  const first = openNotifier({ channels }, { environment: {} })
  await first.notify(failedAt(0))
  const told = JSON.parse(JSON.stringify(first.told)) as ToldState
  const next = openNotifier({ channels }, { environment: {}, told })
  expect(await next.notify(failedAt(1))).toMatchObject([
    { status: 'skipped', attempts: 0, toldAt: '2026-11-25T02:00:30.000Z' },
  ])
})

test('a channel that was down when it should be told is told by the next run', async () => {
  const sink = await openHttpSink(statuses(400, 200))
  const channels = { it: { kind: 'webhook', url: sink.url } } as const
  const notifier = openNotifier({ channels }, { environment: {} })
  expect(await notifier.notify(failedAt(0))).toMatchObject([{ status: 'failed' }])
  expect(await notifier.notify(failedAt(1))).toMatchObject([{ status: 'sent' }])
  expect(await notifier.notify(failedAt(2))).toMatchObject([{ status: 'skipped' }])
})

function isKeptQuiet(first: NotifyEvent, second: NotifyEvent): boolean {
  return toldAlready(afterTelling({}, 'c', first), 'c', second, 24 * HOUR_MS) !== null
}

test('only the same failure of the same job on the same channel is kept quiet', () => {
  expect(isKeptQuiet(FAILED, failedAt(1))).toBe(true)
  expect(isKeptQuiet(FAILED, failedAt(1, { database: 'blog' }))).toBe(false)
  expect(isKeptQuiet(FAILED, failedAt(1, { job: 'weekly' }))).toBe(false)
  expect(isKeptQuiet(FAILED, failedAt(1, { code: 'DATABASE_LOCKED' }))).toBe(false)
  expect(isKeptQuiet(FAILED, failedAt(1, { failingSince: AT }))).toBe(false)
  const told = afterTelling({}, 'c', FAILED)
  expect(toldAlready(told, 'other', failedAt(1), 24 * HOUR_MS)).toBeNull()
})

test('a clock that jumped back silences nothing', () => {
  expect(isKeptQuiet(FAILED, failedAt(-1))).toBe(false)
})

test('after a recovery the next failure is told at once', () => {
  const recovered = afterTelling(afterTelling({}, 'c', FAILED), 'c', EVENTS.recovered)
  expect(toldAlready(recovered, 'c', failedAt(1), 24 * HOUR_MS)).toBeNull()
  expect(recovered).toEqual({ c: {} })
})

test('a missing backup is told once for as long as no newer one comes', () => {
  const later = { ...EVENTS.overdue, at: new Date(AT.getTime() + HOUR_MS) }
  expect(isKeptQuiet(EVENTS.overdue, later)).toBe(true)
  expect(isKeptQuiet(EVENTS.overdue, { ...later, lastGoodAt: AT })).toBe(false)
  expect(isKeptQuiet({ ...EVENTS.overdue, lastGoodAt: null }, { ...later, lastGoodAt: null })).toBe(true)
})

test.each(['job-started', 'job-succeeded', 'recovered', 'digest', 'test'] as const)(
  '%s is never kept quiet',
  kind => {
    expect(isKeptQuiet(EVENTS[kind], EVENTS[kind])).toBe(false)
  },
)

test('names that contain what separates them are not mistaken for each other', () => {
  const first = { ...FAILED, database: 'a b', job: 'c' }
  expect(isKeptQuiet(first, { ...failedAt(1), database: 'a', job: 'b c' })).toBe(false)
})
