import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { CatalogLock } from '../../src/catalog/lock.ts'
import type { Config } from '../../src/config/config.ts'
import { Database } from '../../src/index.ts'
import { descendantsOf, untilEnded } from '../crash/processes.ts'
import { buildDatabase, buildLedger } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import { assertIntact } from '../support/intact.ts'
import { filesBelow } from '../support/temporary.ts'
import { openProcessScene, type ProcessScene } from './daemon-process.ts'

const OFF = { daily: false, weekly: false, cleanup: false, drill: false } as const
const OFTEN = { ...OFF, often: { kind: 'backup', cron: '* * * * * *' } } as const
const BACKUP_EVERY_SECOND: Config = { backupTypes: ['often'], schedule: { jobs: OFTEN } }
const EVERY_SECOND: Config = {
  backupTypes: ['often'],
  schedule: { jobs: { ...OFTEN, verify: { kind: 'verify', cron: '*/4 * * * * *', maxBackups: 3 } } },
}
const NEVER: Config = { schedule: { jobs: { ...OFF, daily: { cron: '0 2 1 1 *' } } } }
const KILLS = 12
const LARGE = 'CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(150000000))'

/** Backups that have begun wait for it, in the middle of their work. */
function holdBackups({ backupDir }: ProcessScene): Promise<CatalogLock> {
  mkdirSync(backupDir)
  return CatalogLock.acquire(backupDir, { waitMs: 0, signal: new AbortController().signal })
}

function leftovers({ backupDir }: ProcessScene): string[] {
  return filesBelow(backupDir).filter(
    name => /(^|\/)\.(chame-backup-[0-9a-f]|scheduler-state)/.test(name) || name.includes('.damaged'),
  )
}

testWith(
  ['linux'],
  'killed in the middle of jobs and started again, many times: no run is lost, doubled or left behind',
  async () => {
    const scene = openProcessScene(EVERY_SECOND)
    buildLedger(scene.databasePath, { commits: 400 })
    const interrupted: string[] = []
    for (let round = 0; round < KILLS; round++) {
      const daemon = scene.start()
      await daemon.logged('job-started', 1 + (round % 3))
      // At another instant of the job each time.
      await sleep((round * 37) % 260)
      await daemon.kill()
      for (const { running } of scene.state().jobs) if (running !== null) interrupted.push(running.dueAt)
    }
    const daemon = scene.start()
    await daemon.logged('job-succeeded', 4)
    expect(await daemon.stop()).toEqual({ exit: 0, signal: null })

    const database = new Database({ path: scene.databasePath, backupDir: scene.backupDir, engine: 'here' })
    const backups = await database.listBackups()
    const due = backups.map(({ description }) => description ?? '')
    // Each third of them was let go on to a third job.
    expect(due.length).toBeGreaterThan(KILLS / 3)
    expect(new Set(due).size, 'no run was done twice').toBe(due.length)
    const isOfBackup = (instant: string): boolean => due.some(text => text.endsWith(`due ${instant}`))
    const verifyRun = scene.state().jobs.find(({ job }) => job === 'verify')
    expect(interrupted.length).toBeGreaterThan(0)
    // What was interrupted was a backup, made since, or a verification, which has come again since.
    for (const instant of interrupted) {
      expect(isOfBackup(instant) || Number(instant.slice(17, 19)) % 4 === 0, instant).toBe(true)
    }
    expect(verifyRun?.lastSuccessAt).not.toBeNull()
    for (const backup of backups) {
      expect(backup.metadataState).toBe('ok')
      assertIntact(backup.path)
    }
    expect(leftovers(scene)).toEqual([])
    expect(statSync(join(scene.backupDir, 'scheduler-state.json')).mode & 0o777).toBe(0o600)
  },
)

test('a second scheduler is refused, and told who holds the directory', async () => {
  const scene = openProcessScene(NEVER)
  buildDatabase(scene.databasePath, 'CREATE TABLE t (a)')
  const first = scene.start()
  await first.logged('started')
  const second = scene.start()
  expect(await second.ended).toEqual({ exit: 11, signal: null })
  expect(second.stderr).toContain(`process ${first.pid} on ${hostname()} since 20`)
  const once = scene.start(['--run-once', 'daily'])
  expect((await once.ended).exit).toBe(11)
  // The lock of one that was killed is free.
  await first.kill()
  const third = scene.start()
  await third.logged('started')
  expect(await third.stop()).toEqual({ exit: 0, signal: null })
  expect(scene.state().scheduler).toMatchObject({ pid: third.pid, stoppedAt: expect.stringMatching(/^20/) })
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s while nothing runs ends it at once, with exit code 0',
  async signal => {
    const scene = openProcessScene(NEVER)
    buildDatabase(scene.databasePath, 'CREATE TABLE t (a)')
    const daemon = scene.start()
    await daemon.logged('started')
    daemon.child.kill(signal)
    expect(await daemon.ended).toEqual({ exit: 0, signal: null })
    expect(daemon.log.map(({ event }) => event)).toEqual(['started', 'stopping', 'stopped'])
  },
)

test('SIGTERM in the middle of a backup lets it end, and begins no other', async () => {
  const scene = openProcessScene(BACKUP_EVERY_SECOND)
  buildDatabase(scene.databasePath, LARGE)
  const lock = await holdBackups(scene)
  const daemon = scene.start()
  await daemon.logged('job-started')
  const ended = daemon.stop()
  await daemon.logged('stopping')
  lock[Symbol.dispose]()
  expect(await ended).toEqual({ exit: 0, signal: null })
  expect(daemon.log.map(({ event }) => event)).toEqual([
    'started',
    'job-started',
    'stopping',
    'job-succeeded',
    'stopped',
  ])
  expect(leftovers(scene)).toEqual([])
})

test('SIGTERM without grace cancels the backup, which is made at the next start', async () => {
  const { schedule } = BACKUP_EVERY_SECOND
  const scene = openProcessScene({ ...BACKUP_EVERY_SECOND, schedule: { ...schedule, graceTime: '0s' } })
  buildDatabase(scene.databasePath, LARGE)
  const lock = await holdBackups(scene)
  const daemon = scene.start()
  const { dueAt } = await daemon.logged('job-started')
  expect(await daemon.stop()).toEqual({ exit: 0, signal: null })
  lock[Symbol.dispose]()
  expect(daemon.log.at(-2)?.event).toBe('job-cancelled')
  expect(leftovers(scene)).toEqual([])
  const next = scene.start()
  expect((await next.logged('job-started'))['dueAt']).toBe(dueAt)
  await next.logged('job-succeeded')
  await next.stop()
})

test('a second signal ends it at once, and what that leaves is made up for', async () => {
  const scene = openProcessScene(EVERY_SECOND)
  buildDatabase(scene.databasePath, LARGE)
  const lock = await holdBackups(scene)
  const daemon = scene.start()
  await daemon.logged('job-started')
  const pids = descendantsOf(daemon.pid)
  daemon.child.kill('SIGTERM')
  await daemon.logged('stopping')
  daemon.child.kill('SIGTERM')
  expect(await daemon.ended).toEqual({ exit: null, signal: 'SIGINT' })
  await untilEnded(pids)
  lock[Symbol.dispose]()
  const next = scene.start()
  await next.logged('job-succeeded')
  await next.stop()
  expect(leftovers(scene)).toEqual([])
})

test('SIGHUP takes up a new configuration; a bad one is refused, and the old one goes on', async () => {
  const scene = openProcessScene(NEVER)
  buildDatabase(scene.databasePath, 'CREATE TABLE t (a)')
  const daemon = scene.start()
  await daemon.logged('started')
  scene.configure(EVERY_SECOND)
  daemon.child.kill('SIGHUP')
  await daemon.logged('reloaded')
  await daemon.logged('job-succeeded')
  scene.configure({ schedule: { jobs: { daily: { cron: 'never' } } } })
  daemon.child.kill('SIGHUP')
  const refused = await daemon.logged('reload-refused')
  expect(refused).toMatchObject({ level: 'error', code: 'CONFIG_INVALID' })
  expect(refused.msg).toContain('schedule.jobs.daily')
  const before = daemon.log.filter(({ event }) => event === 'job-succeeded').length
  await daemon.logged('job-succeeded', before + 2)
  expect(await daemon.stop()).toEqual({ exit: 0, signal: null })
})

testWith(
  ['linux'],
  'an engine that is killed fails its run, which is tried again; the scheduler goes on',
  async () => {
    const scene = openProcessScene(EVERY_SECOND)
    buildDatabase(scene.databasePath, LARGE)
    const lock = await holdBackups(scene)
    const daemon = scene.start()
    await daemon.logged('job-started')
    process.kill(await engineOf(daemon.pid), 'SIGKILL')
    const retrying = await daemon.logged('job-retrying')
    lock[Symbol.dispose]()
    expect(retrying).toMatchObject({ code: 'ENGINE_FAILED', job: 'often' })
    // Other jobs go on meanwhile.
    await daemon.logged('job-started', 2)
    expect(await daemon.stop()).toEqual({ exit: 0, signal: null })
    expect(scene.state().jobs.find(({ job }) => job === 'often')?.retry).not.toBeNull()
  },
)

test('a database that is not there is a failure that is seen: log, state and exit code of --status', async () => {
  const scene = openProcessScene({
    backupTypes: ['often'],
    schedule: { jobs: { ...OFF, often: { kind: 'backup', cron: '* * * * * *' } } },
  })
  const daemon = scene.start()
  const failed = await daemon.logged('job-failed')
  expect(failed).toMatchObject({
    level: 'error',
    code: 'DATABASE_NOT_FOUND',
    database: 'chame',
    job: 'often',
  })
  const status = scene.start(['--status'])
  expect((await status.ended).exit).toBe(3)
  await daemon.stop()
  expect(scene.state().jobs[0]).toMatchObject({ failingSince: failed['failingSince'] })
})

/** Waits until the scheduler has an engine process, which starts with the first job. */
async function engineOf(pid: number): Promise<number> {
  for (;;) {
    const engine = descendantsOf(pid).find(child => commandOf(child).includes('engine/process.js'))
    if (engine !== undefined) return engine
    await sleep(5)
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
