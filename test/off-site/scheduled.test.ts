/** What a scheduler does about targets: a copy that failed is seen, tried again, and made up for. */
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runBackup } from '../../src/daemon/run-backup.ts'
import { runCleanup } from '../../src/daemon/run-cleanup.ts'
import { runSync } from '../../src/daemon/run-sync.ts'
import { openVirtualScene, type VirtualScene } from '../scheduler/virtual.ts'
import { local } from './place.ts'

const OFF = { daily: false, weekly: false, cleanup: false, drill: false } as const
const START = '2026-11-26T01:59:00Z'
const RUNNERS = { backup: runBackup, sync: runSync, cleanup: runCleanup }

function openScene(jobs: object = { daily: {} }): VirtualScene {
  return openVirtualScene(START, {
    targets: { far: local('far'), farther: local('farther') },
    schedule: { jobs: { ...OFF, ...jobs } },
  })
}

function at({ directory }: VirtualScene, ...parts: string[]): string {
  return join(directory, ...parts)
}

function namesIn(scene: VirtualScene, ...parts: string[]): string[] {
  return readdirSync(at(scene, ...parts)).filter(name => name.endsWith('.db'))
}

test('a scheduled backup is copied, and what targets lack from before with it', async () => {
  const scene = openScene()
  for (const name of ['far', 'farther']) mkdirSync(at(scene, name))
  await scene.runUntil('2026-11-26T03:00:00Z', RUNNERS)
  expect(scene.job('daily').lastRun).toMatchObject({ outcome: 'succeeded', attempts: 1 })
  expect(scene.job('daily').lastRun?.summary).toContain('1 backup copied to far; 1 backup copied to farther')
  renameSync(at(scene, 'far'), at(scene, 'lost'))
  mkdirSync(at(scene, 'far'))
  await scene.runUntil('2026-11-27T03:00:00Z', RUNNERS)
  expect(scene.job('daily').lastRun?.summary).toContain('2 backups copied to far; 1 backup copied to farther')
  expect(namesIn(scene, 'far', 'daily')).toEqual(namesIn(scene, 'backups', 'daily'))
})

test('a copy that fails is told and tried again, without another backup, until it is made', async () => {
  const scene = openScene()
  mkdirSync(at(scene, 'far'))
  await scene.runUntil('2026-11-26T02:00:30Z', RUNNERS)
  expect(scene.job('daily').lastRun).toMatchObject({
    outcome: 'retrying',
    failure: {
      code: 'TARGET_UNREACHABLE',
      message: expect.stringContaining('was made. Not everything is off-site'),
    },
  })
  expect(namesIn(scene, 'far', 'daily')).toHaveLength(1)
  mkdirSync(at(scene, 'farther'))
  await scene.runUntil('2026-11-26T02:10:00Z', RUNNERS)
  expect(scene.job('daily').lastRun).toMatchObject({ outcome: 'succeeded', attempts: 2 })
  expect(namesIn(scene, 'backups', 'daily')).toHaveLength(1)
  expect(namesIn(scene, 'farther', 'daily')).toEqual(namesIn(scene, 'backups', 'daily'))
})

test('a target that stays away is a failure that people are told of, and so is its return', async () => {
  const scene = openScene()
  mkdirSync(at(scene, 'far'))
  await scene.runUntil('2026-11-26T12:00:00Z', RUNNERS)
  expect(scene.job('daily').lastRun).toMatchObject({
    outcome: 'failed',
    failure: { code: 'TARGET_UNREACHABLE' },
  })
  expect(scene.kinds()).toContain('failed')
  expect(scene.told.find(({ kind }) => kind === 'failed')).toMatchObject({ code: 'TARGET_UNREACHABLE' })
  expect(namesIn(scene, 'backups', 'daily')).toHaveLength(1)
  mkdirSync(at(scene, 'farther'))
  await scene.runUntil('2026-11-27T12:00:00Z', RUNNERS)
  expect(scene.kinds()).toContain('recovered')
  expect(namesIn(scene, 'farther', 'daily')).toHaveLength(2)
})

test('a job of the kind sync copies what targets lack, and a cleanup at a target that is away fails', async () => {
  const scene = openScene({
    daily: {},
    copies: { kind: 'sync', cron: '0 6 * * *', retries: 0 },
    tidy: { kind: 'cleanup', cron: '0 7 * * *', retries: 0 },
  })
  mkdirSync(at(scene, 'far'))
  await scene.runUntil('2026-11-26T06:30:00Z', RUNNERS)
  expect(scene.job('copies').lastRun).toMatchObject({
    outcome: 'failed',
    failure: { code: 'TARGET_UNREACHABLE' },
  })
  mkdirSync(at(scene, 'farther'))
  await scene.runUntil('2026-11-27T06:30:00Z', RUNNERS)
  expect(scene.job('copies').lastRun).toMatchObject({
    outcome: 'succeeded',
    summary: '0 backups copied to far; 0 backups copied to farther',
  })
  await scene.runUntil('2026-11-27T07:30:00Z', RUNNERS)
  expect(scene.job('tidy').lastRun?.summary).toContain('far: 0 backups deleted; farther: 0 backups deleted')
  renameSync(at(scene, 'farther'), at(scene, 'gone'))
  await scene.runUntil('2026-11-28T07:30:00Z', RUNNERS)
  expect(scene.job('tidy').lastRun).toMatchObject({
    outcome: 'failed',
    failure: { code: 'TARGET_UNREACHABLE' },
  })
})
