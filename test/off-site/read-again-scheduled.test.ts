/** A job that reads copies again: what it does in a run, and who is told of what it finds. */
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runBackup } from '../../src/daemon/run-backup.ts'
import { runVerify } from '../../src/daemon/run-verify.ts'
import { resolveJobs } from '../../src/schedule/jobs.ts'
import { openVirtualScene, type VirtualScene } from '../scheduler/virtual.ts'
import { damageByte } from './damage-byte.ts'
import { local } from './place.ts'

const OFF = { weekly: false, cleanup: false, drill: false } as const
const READ = { kind: 'verify', copies: true, cron: '0 6 * * *', retries: 0 } as const
const RUNNERS = { backup: runBackup, verify: runVerify }

function openScene(job: object): VirtualScene {
  const scene = openVirtualScene('2026-11-26T01:59:00Z', {
    targets: { far: local('far') },
    schedule: { jobs: { ...OFF, daily: {}, 'read-again': { ...READ, ...job } } },
  })
  mkdirSync(join(scene.directory, 'far'))
  return scene
}

test('a damaged copy is found by the job and told; the next backup replaces it, and that is told, too', async () => {
  const scene = openScene({ share: '100%' })
  await scene.runUntil('2026-11-26T07:00:00Z', RUNNERS)
  expect(scene.job('read-again').lastRun).toMatchObject({
    outcome: 'succeeded',
    summary: expect.stringMatching(/^1 of 1 object at far read again \(.+\), all intact$/),
  })
  const daily = join(scene.directory, 'far', 'daily')
  const [name = ''] = readdirSync(daily)
  damageByte(join(daily, name), 4000)
  await scene.runUntil('2026-11-27T07:00:00Z', RUNNERS)
  expect(scene.job('read-again').lastRun).toMatchObject({
    outcome: 'failed',
    failure: { code: 'OBJECT_DAMAGED', message: expect.stringContaining(`far:daily/${name}`) },
  })
  expect(scene.told.find(({ kind }) => kind === 'failed')).toMatchObject({
    job: 'read-again',
    code: 'OBJECT_DAMAGED',
  })
  await scene.runUntil('2026-11-28T07:00:00Z', RUNNERS)
  expect(scene.job('daily').lastRun?.summary).toContain('2 backups copied to far')
  expect(scene.job('read-again').lastRun).toMatchObject({ outcome: 'succeeded' })
  expect(scene.kinds()).toContain('recovered')
  renameSync(join(scene.directory, 'far'), join(scene.directory, 'away'))
  await scene.runUntil('2026-11-29T07:00:00Z', { verify: runVerify })
  expect(scene.job('read-again').lastRun).toMatchObject({
    outcome: 'failed',
    failure: { code: 'TARGET_UNREACHABLE', message: expect.stringContaining('read again') },
  })
})

test('without a target there is nothing to read again, and that is no failure', async () => {
  const scene = openScene({})
  scene.configure({ schedule: { jobs: { ...OFF, daily: false, 'read-again': READ } } })
  await scene.runUntil('2026-11-26T07:00:00Z', RUNNERS)
  expect(scene.job('read-again').lastRun).toMatchObject({
    outcome: 'succeeded',
    summary: 'there are no targets',
  })
})

test('a job says how much it reads by a time or by a share, by default all within 30 days', () => {
  const jobs = (job: object): unknown =>
    resolveJobs({ schedule: { jobs: { again: { ...READ, ...job } } } }).find(({ name }) => name === 'again')
      ?.copies
  expect(jobs({})).toEqual({ within: '30d' })
  expect(jobs({ within: '7d' })).toEqual({ within: '7d' })
  expect(jobs({ share: '1/7' })).toEqual({ sample: '1/7' })
  expect(jobs({ copies: false })).toBe(null)
  for (const wrong of [
    { within: '7d', share: '1/7' },
    { copies: false, within: '7d' },
    { copies: undefined, share: '5%' },
  ])
    expect(() => jobs(wrong)).toThrow('The job "again" is not valid')
})
