/** What a scheduler that was stopped or killed goes on from. */
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { JobRunner } from '../../src/daemon/ports.ts'
import { DAILY_ONLY, openVirtualScene, PARTS, recorder } from './virtual.ts'

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
