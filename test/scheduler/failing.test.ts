/** Jobs that fail: which are tried again, how often, and who hears of it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DAILY_ONLY, DAMAGED, LOCKED, openVirtualScene, recorder } from './virtual.ts'

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

test('a full disk is cleaned up before a backup that was asked for by hand is tried again, and never without need', async () => {
  const full = { success: false, code: 'INSUFFICIENT_SPACE', message: 'Insufficient disk space' } as const
  const scene = openVirtualScene('2026-11-20T12:00:00Z', {
    schedule: { jobs: { weekly: false, drill: false } },
  })
  const backup = recorder(scene.clock, { ms: 0, answer: n => (n === 1 ? full : null) })
  const cleanup = recorder(scene.clock, { ms: 0 })
  const runners = { backup: backup.run, cleanup: cleanup.run }
  const running = scene.scheduler(runners).runOnce('daily')
  await scene.clock.passNext()
  expect(await running).toMatchObject({ status: 'succeeded', runs: [{ job: 'daily' }] })
  expect(cleanup.runs).toEqual(['cleanup 2026-11-20T12:00:00.000Z'])
  expect(backup.runs).toEqual(['daily 2026-11-20T12:00:00.000Z', 'daily 2026-11-20T12:01:00.000Z'])
  expect(scene.job('cleanup')).toMatchObject({ retry: null, nextRunAt: '2026-12-01T04:00:00.000Z' })
  // One that waits for the next start for another reason is nothing that was asked for.
  const state = scene.state()
  const retry = { dueAt: '2026-11-20T12:00:00.000Z', at: '2026-11-20T12:00:00.000Z', attempts: 0 }
  const jobs = state.jobs.map(job => (job.job === 'cleanup' ? { ...job, retry } : job))
  writeFileSync(join(scene.directory, 'backups', 'scheduler-state.json'), JSON.stringify({ ...state, jobs }))
  expect(await scene.scheduler(runners).runOnce('daily')).toMatchObject({ status: 'succeeded' })
  expect(cleanup.runs).toHaveLength(1)
})

test('a cleanup that cannot make room holds up no longer than the backup is tried', async () => {
  const full = { success: false, code: 'INSUFFICIENT_SPACE', message: 'Insufficient disk space' } as const
  const scene = openVirtualScene('2026-11-20T12:00:00Z', {
    schedule: { jobs: { weekly: false, drill: false, cleanup: { retries: 5 } } },
  })
  const backup = recorder(scene.clock, { ms: 0, answer: n => (n === 1 ? full : null) })
  const cleanup = recorder(scene.clock, { ms: 0, answer: () => LOCKED })
  const running = scene.scheduler({ backup: backup.run, cleanup: cleanup.run }).runOnce('daily')
  await scene.clock.passNext()
  expect(await running).toMatchObject({ status: 'succeeded' })
  expect(backup.runs).toHaveLength(2)
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
