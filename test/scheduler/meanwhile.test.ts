/** What changes while a scheduler runs: its configuration, and a job that somebody runs beside it. */
import { rmSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { JobRunner } from '../../src/daemon/ports.ts'
import { digestRows } from '../../src/daemon/digest.ts'
import { productPorts } from '../../src/daemon/ports.ts'
import { readPlan } from '../../src/daemon/schedule-plan.ts'
import { isSchedulerRunning, SchedulerLock } from '../../src/daemon/scheduler-lock.ts'
import { StateBook } from '../../src/daemon/state-book.ts'
import type { Task } from '../../src/daemon/task.ts'
import type { Config } from '../../src/index.ts'
import { DAILY_ONLY, LOCKED, openVirtualScene, PARTS, recorder } from './virtual.ts'

/** Of a machine that is busy. */
const PATIENT = { timeout: 30_000 }

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

test('a job that is gone from the configuration while a digest is made is still in it', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY } })
  const tasks = async (): Promise<readonly Task[]> =>
    [...(await readPlan({ config: scene.configFile })).directories.values()].flat()
  const before = await tasks()
  const ports = { ...productPorts(), clock: scene.clock, notify: async () => {} }
  const book = await StateBook.open(join(scene.directory, 'backups'), before, ports, () => {})
  book.updateJob(before[0] as Task, { failingSince: '2026-11-20T02:00:00.000Z' })
  scene.configure({
    schedule: {
      jobs: { ...DAILY_ONLY, daily: false, other: { kind: 'backup', type: 'daily', cron: '0 5 * * *' } },
    },
  })
  const after = await tasks()
  const rows = digestRows(before, book)
  // It lists the backups by now.
  await book.setTasks(after, { fromCatalog: false })
  expect(await rows).toMatchObject([{ database: 'chame', verdict: 'failing' }])
})

test('a configuration that is being read when the scheduler is told to stop is not taken up any more', async () => {
  const scene = openVirtualScene('2026-11-20T12:00:00Z', { schedule: { jobs: DAILY_ONLY } })
  const { run } = recorder(scene.clock)
  const stop = new AbortController()
  const scheduler = scene.scheduler({ backup: run })
  const running = scheduler.run({ signal: stop.signal, onLog: entry => void scene.log.push(entry) })
  await scene.clock.runUntil('2026-11-20T13:00:00Z', PARTS)
  const reloading = scheduler.reload()
  stop.abort()
  expect(await running).toMatchObject({ success: true })
  expect(await reloading).toMatchObject({ success: false, code: 'INVALID_ARGUMENT' })
  expect(await isSchedulerRunning(join(scene.directory, 'backups'))).toBe(false)
  expect(scene.log.map(({ event }) => event)).toEqual(['started', 'stopping', 'stopped'])
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
