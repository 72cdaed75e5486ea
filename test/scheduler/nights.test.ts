/** Nights of a scheduler that is left alone: what runs when, and what is said of it. */
import { expect, test } from 'vitest'
import type { NotifyEvent } from '../../src/index.ts'
import { DAILY_ONLY, DAMAGED, openVirtualScene, PARTS, recorder } from './virtual.ts'

test('a spring of nights: daily, weekly and cleanup run as often as they are due, also when the clocks change', async () => {
  const scene = openVirtualScene('2026-03-01T12:00:00Z', { timeZone: 'Europe/Berlin' })
  const { run, runs } = recorder(scene.clock)
  await scene.runUntil('2026-05-01T12:00:00Z', { backup: run, cleanup: run })
  const count = (job: string): number => runs.filter(text => text.startsWith(`${job} `)).length
  expect({ daily: count('daily'), weekly: count('weekly'), cleanup: count('cleanup') }).toEqual({
    daily: 61,
    weekly: 8,
    cleanup: 2,
  })
  expect(new Set(runs).size).toBe(runs.length)
  expect(scene.job('daily')).toMatchObject({ failingSince: null, running: null, retry: null })
  expect(scene.kinds().filter(kind => kind === 'digest')).toHaveLength(9)
  expect(scene.log.filter(({ level }) => level !== 'info')).toEqual([])
})

test('after three days asleep there is one run of each job, and a note about the gap', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY } })
  const { run, runs } = recorder(scene.clock)
  await scene.runUntil('2026-11-21T12:00:00Z', { backup: run })
  await scene.clock.set('2026-11-24T12:00:00Z', 0)
  await scene.runUntil('2026-11-24T18:00:00Z', { backup: run })
  expect(runs).toEqual(['daily 2026-11-21T02:00:00.000Z', 'daily 2026-11-24T12:00:00.000Z'])
  expect(scene.job('daily').lastGap).toMatchObject({ to: '2026-11-24T12:00:00.000Z', missedRuns: 3 })
  expect(scene.log.filter(({ event }) => event === 'runs-missed')).toMatchObject([
    { level: 'warn', fields: { job: 'daily', database: 'chame', missedRuns: 3 } },
  ])
  expect(scene.job('daily').nextRunAt).toBe('2026-11-25T02:00:00.000Z')
})

test('a running scheduler whose clock is set a year ahead and back runs once for it, and goes on every night', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY, digest: false } })
  const { run, runs } = recorder(scene.clock)
  const stop = new AbortController()
  const running = scene.scheduler({ backup: run }).run({
    signal: stop.signal,
    onLog: entry => void scene.log.push(entry),
  })
  await scene.clock.runUntil('2026-11-20T13:00:00Z', PARTS)
  await scene.clock.set('2027-11-20T13:00:00Z', PARTS)
  await scene.clock.runUntil('2027-11-20T14:00:00Z', PARTS)
  expect(runs).toEqual(['daily 2027-11-20T13:00:00.000Z'])
  await scene.clock.set('2026-11-20T14:00:00Z', PARTS)
  await scene.clock.runUntil('2026-11-22T12:00:00Z', PARTS)
  stop.abort()
  await running
  expect(runs.slice(1)).toEqual(['daily 2026-11-21T02:00:00.000Z', 'daily 2026-11-22T02:00:00.000Z'])
  expect(scene.log.filter(({ event }) => event === 'clock-set-back')).toHaveLength(1)
})

test('what came due while a job ran is not run after it', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', {
    schedule: { digest: false, jobs: { ...DAILY_ONLY, daily: { cron: '0 * * * *' } } },
  })
  const { run, runs } = recorder(scene.clock, { ms: 150 * 60_000 })
  await scene.runUntil('2026-11-20T18:30:00Z', { backup: run })
  expect(runs).toEqual(['daily 2026-11-20T13:00:00.000Z', 'daily 2026-11-20T16:00:00.000Z'])
})

test('without a good backup for longer than allowed the alarm is raised, and again each day until there is one', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', {
    schedule: { maxBackupAge: '36h', digest: false, jobs: DAILY_ONLY },
  })
  const { run } = recorder(scene.clock, { answer: () => DAMAGED })
  await scene.runUntil('2026-11-22T13:00:00Z', { backup: run })
  const alarms = scene.told.filter(event => event.kind === 'overdue')
  expect(alarms[0]).toEqual({
    kind: 'overdue',
    database: 'chame',
    at: new Date('2026-11-20T12:00:00Z'),
    lastGoodAt: null,
    maxAgeHours: 36,
  })
  expect(alarms.map(({ at }) => at.toISOString().slice(0, 13))).toEqual([
    '2026-11-20T12',
    '2026-11-21T12',
    '2026-11-22T12',
  ])
  expect(await scene.scheduler({ backup: run }).status()).toMatchObject({ status: 'failing' })
  expect(scene.state().databases['chame']).toMatchObject({ isOverdue: true, maxBackupAgeMs: 129_600_000 })
})

test('a digest says of each database how it stands and what failed since the last one', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: { weekly: false } } })
  const failing = recorder(scene.clock, { answer: () => DAMAGED })
  const fine = recorder(scene.clock)
  await scene.runUntil('2026-11-23T09:00:00Z', { backup: failing.run, drill: fine.run })
  expect(scene.told.filter(({ kind }) => kind === 'digest')).toEqual([
    {
      kind: 'digest',
      at: new Date('2026-11-23T08:00:00Z'),
      from: new Date('2026-11-20T12:00:00Z'),
      databases: [
        {
          database: 'chame',
          verdict: 'failing',
          lastGoodAt: null,
          backups: 0,
          bytes: 0,
          failures: 3,
          lastDrill: { at: new Date('2026-11-22T05:01:00Z'), passed: true },
        },
      ],
    },
  ])
  expect(scene.state().databases['chame']?.failuresSinceDigest).toBe(0)
})

test('a digest that cannot be made is reported, and keeps no job from running', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', {
    schedule: { digest: '0 8 * * *', jobs: DAILY_ONLY },
  })
  const { run, runs } = recorder(scene.clock)
  const stop = new AbortController()
  const notify = (event: NotifyEvent): Promise<void> => {
    if (event.kind === 'digest') throw new Error('nobody is there')
    return Promise.resolve()
  }
  const running = scene
    .scheduler({ backup: run }, notify)
    .run({ signal: stop.signal, onLog: entry => void scene.log.push(entry) })
  await scene.clock.runUntil('2026-11-22T12:00:00Z', PARTS)
  stop.abort()
  expect(await running).toMatchObject({ success: true })
  expect(runs).toHaveLength(2)
  expect(scene.log.filter(({ event }) => event === 'trouble')).toMatchObject([
    { level: 'error', fields: { code: 'UNEXPECTED' } },
    { level: 'error', fields: { code: 'UNEXPECTED' } },
  ])
})

test('a notification that never comes back holds up neither jobs nor, for long, the end', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY } })
  const { run, runs } = recorder(scene.clock)
  const stop = new AbortController()
  const running = scene.scheduler({ backup: run }, () => new Promise(() => {})).run({ signal: stop.signal })
  await scene.clock.runUntil('2026-11-22T12:00:00Z', PARTS)
  expect(runs).toHaveLength(2)
  stop.abort()
  expect(await scene.clock.runOut(running)).toMatchObject({ success: true })
})
