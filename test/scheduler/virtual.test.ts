import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { JobRunner } from '../../src/daemon/ports.ts'
import { SchedulerLock } from '../../src/daemon/scheduler-lock.ts'
import type { Config } from '../../src/index.ts'
import { DAMAGED, LOCKED, openVirtualScene, PARTS, recorder } from './virtual.ts'

/** Of a machine that is busy. */
const PATIENT = { timeout: 30_000 }

const DAILY_ONLY = { weekly: false, cleanup: false, drill: false } as const

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

test('a failure that may pass is tried again after a pause; success then is no recovery', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY } })
  const { run, runs } = recorder(scene.clock, { answer: n => (n <= 2 ? LOCKED : null) })
  await scene.runUntil('2026-11-21T12:00:00Z', { backup: run })
  expect(runs).toEqual([
    'daily 2026-11-21T02:00:00.000Z',
    'daily 2026-11-21T02:02:00.000Z',
    'daily 2026-11-21T02:08:00.000Z',
  ])
  expect(scene.kinds()).toEqual(['job-started', 'job-succeeded'])
  expect(scene.job('daily')).toMatchObject({
    lastRun: { outcome: 'succeeded', attempts: 3, dueAt: '2026-11-21T02:00:00.000Z' },
    failingSince: null,
    retry: null,
  })
})

test('a job that fails for good is told of each night, with since when, and its recovery once', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY, digest: false } })
  const { run } = recorder(scene.clock, { answer: n => (n <= 2 ? DAMAGED : null) })
  await scene.runUntil('2026-11-22T12:00:00Z', { backup: run })
  expect(scene.job('daily')).toMatchObject({
    failingSince: '2026-11-21T02:00:00.000Z',
    lastRun: { outcome: 'failed', failure: { code: 'DATABASE_DAMAGED' } },
  })
  const status = await scene.scheduler({ backup: run }).status()
  expect(status).toMatchObject({ success: true, status: 'failing' })
  await scene.runUntil('2026-11-24T12:00:00Z', { backup: run })
  expect(scene.told.filter(({ kind }) => kind === 'failed' || kind === 'recovered')).toMatchObject([
    { kind: 'failed', code: 'DATABASE_DAMAGED', failingSince: new Date('2026-11-21T02:00:00Z'), attempts: 1 },
    { kind: 'failed', failingSince: new Date('2026-11-21T02:00:00Z'), at: new Date('2026-11-22T02:01:00Z') },
    { kind: 'recovered', failedSince: new Date('2026-11-21T02:00:00Z') },
  ])
  expect(await scene.scheduler({ backup: run }).status()).toMatchObject({ status: 'fine' })
})

test('retries end: a database that stays locked has failed after the last one', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', {
    schedule: { jobs: { ...DAILY_ONLY, daily: { retries: 1 } } },
  })
  const { run, runs } = recorder(scene.clock, { answer: () => LOCKED })
  await scene.runUntil('2026-11-21T12:00:00Z', { backup: run })
  expect(runs).toHaveLength(2)
  expect(scene.kinds()).toEqual(['job-started', 'failed'])
  expect(scene.told.at(-1)).toMatchObject({ attempts: 2, hint: 'Wait.' })
})

test('a full disk is cleaned up before the backup is tried again', async () => {
  const full = { success: false, code: 'INSUFFICIENT_SPACE', message: 'Insufficient disk space' } as const
  const scene = openVirtualScene('2026-11-20T12:00:00Z', {
    schedule: { jobs: { weekly: false, drill: false } },
  })
  const backup = recorder(scene.clock, { answer: n => (n === 1 ? full : null) })
  const cleanup = recorder(scene.clock)
  await scene.runUntil('2026-11-21T12:00:00Z', { backup: backup.run, cleanup: cleanup.run })
  expect(cleanup.runs).toEqual(['cleanup 2026-11-21T02:01:00.000Z'])
  expect(backup.runs).toEqual(['daily 2026-11-21T02:00:00.000Z', 'daily 2026-11-21T02:02:00.000Z'])
  expect(scene.job('cleanup').nextRunAt).toBe('2026-12-01T04:00:00.000Z')
})

test('a job that takes longer than it may is cancelled, and that is a failure', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', {
    schedule: { jobs: { ...DAILY_ONLY, daily: { timeout: '10m', retries: 0 } } },
  })
  const { run } = recorder(scene.clock, { ms: 3_600_000 })
  await scene.runUntil('2026-11-21T12:00:00Z', { backup: run })
  expect(scene.job('daily').lastRun).toMatchObject({
    outcome: 'failed',
    endedAt: '2026-11-21T02:10:00.000Z',
    failure: { code: 'JOB_TIMED_OUT' },
  })
})

test('what came due while a job ran is not run after it', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', {
    schedule: { digest: false, jobs: { ...DAILY_ONLY, daily: { cron: '0 * * * *' } } },
  })
  const { run, runs } = recorder(scene.clock, { ms: 150 * 60_000 })
  await scene.runUntil('2026-11-20T18:30:00Z', { backup: run })
  expect(runs).toEqual(['daily 2026-11-20T13:00:00.000Z', 'daily 2026-11-20T16:00:00.000Z'])
})

test('told to stop, a scheduler lets its job end within the grace time', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { graceTime: '5m', jobs: DAILY_ONLY } })
  const { run } = recorder(scene.clock, { ms: 4 * 60_000 })
  const stop = new AbortController()
  const running = scene.scheduler({ backup: run }).run({ signal: stop.signal })
  await scene.clock.runUntil('2026-11-21T02:01:00Z', PARTS)
  stop.abort()
  await scene.clock.passNext()
  await running
  expect(scene.job('daily').lastRun).toMatchObject({
    outcome: 'succeeded',
    endedAt: '2026-11-21T02:04:00.000Z',
  })
  expect(scene.state().scheduler.stoppedAt).toBe('2026-11-21T02:04:00.000Z')
})

test('a job that takes longer than the grace time is cancelled, and run again at the next start', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { graceTime: '5m', jobs: DAILY_ONLY } })
  const slow = recorder(scene.clock, { ms: 3_600_000 })
  const stop = new AbortController()
  const running = scene.scheduler({ backup: slow.run }).run({ signal: stop.signal })
  await scene.clock.runUntil('2026-11-21T02:01:00Z', PARTS)
  stop.abort()
  await scene.clock.passNext()
  await running
  expect(scene.job('daily')).toMatchObject({
    lastRun: { outcome: 'cancelled' },
    running: null,
    failingSince: null,
  })
  const { run, runs } = recorder(scene.clock)
  await scene.runUntil('2026-11-21T12:00:00Z', { backup: run })
  expect(runs).toEqual(['daily 2026-11-21T02:06:00.000Z'])
})

test('a job in the middle of which the scheduler is killed every time has failed after the fifth time', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { digest: false, jobs: DAILY_ONLY } })
  const { run, runs } = recorder(scene.clock)
  await scene.runUntil('2026-11-21T12:00:00Z', { backup: run })
  const dueAt = '2026-11-22T02:00:00.000Z'
  await scene.clock.set('2026-11-22T03:00:00Z', 0)
  const interrupt = (attempt: number): void => {
    const state = scene.state()
    const jobs = state.jobs.map(job => ({
      ...job,
      running: { dueAt, startedAt: dueAt, attempt },
      retry: null,
    }))
    writeFileSync(
      join(scene.directory, 'backups', 'scheduler-state.json'),
      JSON.stringify({ ...state, jobs }),
    )
  }
  interrupt(4)
  await scene.runUntil('2026-11-22T04:00:00Z', { backup: run })
  expect(runs.slice(1)).toEqual(['daily 2026-11-22T03:00:00.000Z'])
  expect(scene.job('daily').lastRun).toMatchObject({ outcome: 'succeeded', attempts: 5, dueAt })
  interrupt(5)
  await scene.runUntil('2026-11-22T05:00:00Z', { backup: run })
  expect(runs).toHaveLength(2)
  expect(scene.job('daily')).toMatchObject({
    failingSince: dueAt,
    lastRun: { outcome: 'failed', failure: { code: 'ENGINE_FAILED' } },
  })
})

test('of very many jobs it is known after a kill which were run, though the state is written as a whole only now and then', async () => {
  const names = Array.from({ length: 150 }, (_, number) => `d${number}`)
  const scene = openVirtualScene('2026-11-20T12:00:00Z', {
    databases: Object.fromEntries(names.map(name => [name, { path: 'data/chame.db' }])),
    schedule: { digest: false, jobs: DAILY_ONLY },
  })
  const backups = join(scene.directory, 'backups')
  const aside = join(scene.directory, 'as-of-the-kill')
  let runs = 0
  const run: JobRunner = async () => {
    runs += 1
    // What a kill would leave at this instant.
    if (runs === 80) cpSync(backups, aside, { recursive: true })
    return { success: true, summary: 'made' }
  }
  await scene.runUntil('2026-11-21T02:30:00Z', { backup: run })
  expect(runs).toBe(150)
  const [changes = ''] = readdirSync(aside).filter(name => name.endsWith('.changes'))
  // Before each, with what came of the one before, and before the one that is killed.
  expect(readFileSync(join(aside, changes), 'utf8').split('\n')).toHaveLength(80 + 1)
  rmSync(backups, { recursive: true })
  renameSync(aside, backups)
  await scene.runUntil('2026-11-21T03:00:00Z', { backup: run })
  expect(runs).toBe(150 + 71)
  const last = scene.state().jobs.map(({ lastRun }) => lastRun)
  expect(last.filter(each => each?.outcome === 'succeeded')).toHaveLength(150)
  expect(last.filter(each => each?.attempts === 2)).toHaveLength(1)
  expect(readdirSync(backups).filter(name => name.endsWith('.changes'))).toEqual([])
})

test('the next backup begins while the last one is being noted, but no third, and none while one is copied to targets', async () => {
  const runThree = async (targets: Config['targets'], isSecondAwaited: boolean): Promise<string[]> => {
    const scene = openVirtualScene('2026-11-21T01:00:00Z', {
      databases: { a: { path: 'a.db' }, b: { path: 'b.db' }, c: { path: 'c.db' } },
      schedule: { digest: false, jobs: DAILY_ONLY },
      ...(targets === undefined ? {} : { targets }),
    })
    const events: string[] = []
    const second = Promise.withResolvers<void>()
    const run: JobRunner = async ({ letGo }) => {
      const number = events.filter(event => event.endsWith('begins')).length + 1
      events.push(`${number} begins`)
      if (number === 2) second.resolve()
      letGo()
      if (number === 1 && isSecondAwaited) await second.promise
      // Many more calls than it takes to begin another run.
      for (let i = 0; i < 100; i++) await stat(scene.directory)
      events.push(`${number} ends`)
      return { success: true, summary: 'done' }
    }
    expect(await scene.scheduler({ backup: run }).runOnce('daily')).toMatchObject({ status: 'succeeded' })
    expect(scene.state().jobs.map(({ running }) => running)).toEqual([null, null, null])
    return events
  }
  const together = await runThree(undefined, true)
  expect(together.slice(0, 2)).toEqual(['1 begins', '2 begins'])
  expect(together.indexOf('3 begins')).toBeGreaterThan(together.indexOf('1 ends'))
  const apart = ['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends']
  expect(await runThree({ far: { kind: 'local', path: 'far' } }, false)).toEqual(apart)
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

test.each([
  ['empty', ''],
  ['cut off', '{"schema":1,"updatedAt":"2026-'],
  ['of another form', '{"schema":1,"jobs":[]}'],
  ['of a later version', '{"schema":2}'],
  ['binary', '\u0000\u0001'],
])('a state file that is %s is rebuilt, and jobs go on', async (_, text) => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY } })
  const { run, runs } = recorder(scene.clock)
  await scene.runUntil('2026-11-21T12:00:00Z', { backup: run })
  writeFileSync(join(scene.directory, 'backups', 'scheduler-state.json'), text)
  await scene.runUntil('2026-11-22T12:00:00Z', { backup: run })
  expect(runs).toHaveLength(2)
  expect(scene.log.filter(({ event }) => event === 'state-damaged')).toHaveLength(1)
  expect(scene.job('daily').lastRun?.outcome).toBe('succeeded')
})

test('a state file that cannot be written is reported once, and keeps no job from running', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY } })
  const { run, runs } = recorder(scene.clock)
  await scene.runUntil('2026-11-21T12:00:00Z', { backup: run })
  // A directory where the file should be: no rename gets past it.
  const file = join(scene.directory, 'backups', 'scheduler-state.json')
  rmSync(file)
  mkdirSync(join(file, 'inside'), { recursive: true })
  await scene.runUntil('2026-11-23T12:00:00Z', { backup: run })
  expect(runs).toHaveLength(3)
  expect(scene.log.filter(({ event }) => event === 'state-not-written')).toHaveLength(1)
  expect(
    readdirSync(join(scene.directory, 'backups')).filter(name => name.startsWith('.scheduler-state')),
  ).toEqual([])
})

test('a reload takes up the new jobs while the running one goes on; a bad configuration changes nothing', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY } })
  const { run, runs } = recorder(scene.clock, { ms: 600_000 })
  const stop = new AbortController()
  const scheduler = scene.scheduler({ backup: run })
  const running = scheduler.run({ signal: stop.signal, onLog: entry => void scene.log.push(entry) })
  await scene.clock.runUntil('2026-11-21T02:05:00Z', PARTS)
  scene.configure({ schedule: { jobs: { ...DAILY_ONLY, daily: { cron: '30 6 * * *' } } } })
  expect(await scheduler.reload()).toEqual({ success: true })
  await scene.clock.runUntil('2026-11-21T12:00:00Z', PARTS)
  scene.configure({ schedule: { jobs: { daily: { cron: 'never' } } } })
  expect(await scheduler.reload()).toMatchObject({ success: false, code: 'CONFIG_INVALID' })
  await scene.clock.runUntil('2026-11-22T12:00:00Z', PARTS)
  stop.abort()
  await running
  expect(runs).toEqual([
    'daily 2026-11-21T02:00:00.000Z',
    'daily 2026-11-21T06:30:00.000Z',
    'daily 2026-11-22T06:30:00.000Z',
  ])
  expect(scene.log.map(({ event }) => event)).toEqual(expect.arrayContaining(['reloaded', 'reload-refused']))
})

test('a configuration file that changes is taken up without a signal, one that is not valid refused once', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY } })
  const { run, runs } = recorder(scene.clock)
  const stop = new AbortController()
  const scheduler = scene.scheduler({ backup: run }, undefined, { configLookMs: 5 })
  const running = scheduler.run({ signal: stop.signal, onLog: entry => void scene.log.push(entry) })
  const count = (event: string): number => scene.log.filter(entry => entry.event === event).length
  await expect.poll(() => count('started'), PATIENT).toBe(1)
  // Asked beside, it has not taken anything up.
  scene.configure({ schedule: { jobs: { daily: { cron: 'never' } } } })
  expect(await scheduler.nextRuns()).toMatchObject({ success: false })
  await expect.poll(() => count('reload-refused'), PATIENT).toBe(1)
  rmSync(join(scene.directory, 'chame-backup.config.json'))
  await expect.poll(() => count('reload-refused'), PATIENT).toBe(2)
  await scene.clock.runUntil('2026-11-21T12:00:00Z', PARTS)
  scene.configure({ schedule: { jobs: { ...DAILY_ONLY, daily: { cron: '30 13 * * *' } } } })
  await expect.poll(() => count('reloaded'), PATIENT).toBe(1)
  await scene.clock.runUntil('2026-11-22T12:00:00Z', PARTS)
  stop.abort()
  await running
  expect(runs).toEqual(['daily 2026-11-21T02:00:00.000Z', 'daily 2026-11-21T13:30:00.000Z'])
  expect([count('reload-refused'), count('reloaded')]).toEqual([2, 1])
})

test('a job is run now beside a scheduler that is at work, once, and only where that is meant', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY } })
  const { run, runs } = recorder(scene.clock, { ms: 0, answer: n => (n === 2 ? LOCKED : null) })
  const stop = new AbortController()
  const running = scene.scheduler({ backup: run }).run({ signal: stop.signal })
  await scene.clock.runUntil('2026-11-20T13:00:00Z', PARTS)
  const other = scene.scheduler({ backup: run })
  expect(await other.runOnce('daily')).toMatchObject({ success: false, code: 'SCHEDULER_LOCKED' })
  const before = scene.job('daily')
  const lastRun = { outcome: 'succeeded', attempts: 1, startedAt: '2026-11-20T13:00:00.000Z' }
  expect(await other.runOnce('daily', { beside: true })).toMatchObject({
    status: 'succeeded',
    runs: [{ job: 'daily', database: 'chame', nextRunAt: before.nextRunAt, lastRun }],
  })
  // It might pass, but somebody waits for the answer.
  expect(await other.runOnce('daily', { beside: true })).toMatchObject({
    status: 'failed',
    runs: [{ lastRun: { outcome: 'failed', attempts: 1, failure: { code: 'DATABASE_LOCKED' } } }],
  })
  expect(scene.job('daily')).toEqual(before)
  stop.abort()
  await running
  expect(await other.runOnce('daily', { beside: true })).toMatchObject({ status: 'succeeded' })
  expect(scene.job('daily')).toMatchObject({ lastRun: { outcome: 'succeeded' } })
  expect(runs).toHaveLength(3)
})

test('a database that is gone from the configuration is let go, one that is new is taken', async () => {
  const two = (name: string) => ({
    databases: { [name]: { path: 'data/chame.db', backupDir: `of-${name}` } },
    schedule: { digest: false as const, jobs: DAILY_ONLY },
  })
  const scene = openVirtualScene('2026-11-20T12:00:00Z', two('a'))
  const { run, runs } = recorder(scene.clock)
  const stop = new AbortController()
  const scheduler = scene.scheduler({ backup: run })
  const running = scheduler.run({ signal: stop.signal })
  await scene.clock.runUntil('2026-11-20T13:00:00Z', PARTS)
  scene.configure(two('b'))
  expect(await scheduler.reload()).toEqual({ success: true })
  await scene.clock.runUntil('2026-11-21T12:00:00Z', PARTS)
  // Nobody holds the old directory any more.
  const lock = await SchedulerLock.acquire(join(scene.directory, 'of-a'))
  lock[Symbol.dispose]()
  stop.abort()
  await running
  expect(runs).toEqual(['daily 2026-11-21T02:00:00.000Z'])
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
