/** The scheduler as it is shipped, with all that it works with: people are told, old backups go, the newest is restored. */
import { readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { Database } from '../../src/index.ts'
import { type HttpSink, openHttpSink } from '../notify/sinks.ts'
import { buildDatabase } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import { openProcessScene, type ProcessScene } from './daemon-process.ts'
import { ServiceManager } from './service-manager.ts'

const OFF = { daily: false, weekly: false, cleanup: false, drill: false } as const
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

function everySecond({ url }: HttpSink): Config {
  return {
    backupTypes: ['often'],
    schedule: { jobs: { ...OFF, often: { kind: 'backup', cron: '* * * * * *', retries: 0 } } },
    notify: {
      channels: {
        hook: { kind: 'webhook', url: `${url}/hook`, secret: { env: 'HOOK_SECRET' } },
        dead: { kind: 'gotify', url: `${url}/dead`, token: { env: 'NOT_SET' } },
        ping: { kind: 'ping', url: `${url}/ping` },
      },
    },
  }
}

function told({ received }: HttpSink): string[] {
  return received
    .filter(({ path }) => path === '/hook')
    .map(({ body }) => (JSON.parse(body) as { type: string }).type)
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(10)
}

function databaseOf({ databasePath: path, backupDir, configFile: config }: ProcessScene): Database {
  return new Database({ path, backupDir, config, engine: 'here' })
}

test('a failure and its end are told by every channel that works, and the log is a file without secrets', async () => {
  const sink = await openHttpSink()
  const scene = openProcessScene(everySecond(sink))
  buildDatabase(scene.databasePath, 'CREATE TABLE t (a)')
  const daemon = scene.start([], { HOOK_SECRET: SECRET })
  await daemon.logged('job-succeeded')
  renameSync(scene.databasePath, `${scene.databasePath}.away`)
  await daemon.logged('job-failed', 2)
  renameSync(`${scene.databasePath}.away`, scene.databasePath)
  await daemon.logged('job-recovered')
  await until(() => told(sink).includes('chame_backup.recovered'))
  // Told once, though it failed twice: the next reminder is a day away.
  expect(told(sink)).toEqual(['chame_backup.failed', 'chame_backup.recovered'])
  expect(sink.received.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['/ping/start', '/ping', '/ping/fail']),
  )
  expect(await daemon.logged('not-told')).toMatchObject({ channel: 'dead', reason: 'no-secret' })
  expect(await daemon.stop()).toEqual({ exit: 0, signal: null })

  const file = join(scene.backupDir, 'backup_scheduler.log')
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  expect(lines.map(line => JSON.parse(line) as unknown)).toEqual(daemon.log)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  for (const text of [daemon.stderr, ...lines]) expect(text).not.toContain(SECRET.slice(6))
})

test('a job of each kind runs, and what came of it can be seen', async () => {
  const scene = openProcessScene({
    schedule: {
      jobs: {
        ...OFF,
        daily: { cron: '* * * * * *' },
        cleanup: { cron: '*/2 * * * * *' },
        drill: { cron: '*/2 * * * * *' },
        'read-again': { kind: 'verify', cron: '*/2 * * * * *' },
      },
    },
    retention: { types: { daily: { keepLast: 2 } } },
  })
  buildDatabase(scene.databasePath, 'CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)')
  const daemon = scene.start()
  const succeeded = (job: string): boolean =>
    daemon.log.some(line => line.event === 'job-succeeded' && line['job'] === job)
  const hasDeleted = (): boolean => daemon.log.some(({ msg }) => /cleanup of chame: [1-9]/.test(msg))
  await until(() => ['drill', 'read-again'].every(succeeded) && hasDeleted())
  expect(await daemon.stop()).toEqual({ exit: 0, signal: null })
  expect(daemon.log.filter(({ level }) => level !== 'info')).toEqual([])

  const database = databaseOf(scene)
  const backups = await database.listBackups()
  expect(backups.length).toBeLessThanOrEqual(5)
  expect(backups.some(({ metadata }) => metadata?.last_drill?.passed === true)).toBe(true)
  expect(scene.state().databases['chame']?.lastDrill).toMatchObject({ passed: true })
  const metrics = await database.metrics()
  expect(metrics).toMatchObject({ success: true, unreadable: [] })
  expect(metrics.success && metrics.text).toMatch(
    /^chame_backup_job_last_success_timestamp_seconds\{database="chame",job="read-again"\} \d/m,
  )
})

test('a test of tonight leaves no backup behind, though it is the only one', async () => {
  const scene = openProcessScene({})
  buildDatabase(scene.databasePath, 'CREATE TABLE t (a)')
  const daemon = scene.start(['--test'])
  expect(await daemon.ended).toEqual({ exit: 0, signal: null })
  expect(await databaseOf(scene).listBackups()).toEqual([])
})

testWith(
  ['linux', 'python3', 'systemd-notify'],
  'systemd is told when the scheduler is up, reads its configuration again, and stops',
  async () => {
    const manager = await ServiceManager.listen()
    const scene = openProcessScene({})
    const daemon = scene.start([], manager.environment)
    expect(await manager.next()).toMatch(/^READY=1\nSTATUS=The scheduler runs, with the jobs daily/)
    daemon.child.kill('SIGHUP')
    expect(await manager.next()).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/)
    expect(await manager.next()).toMatch(/^READY=1\n/)
    daemon.child.kill('SIGTERM')
    expect(await manager.next()).toMatch(/^STOPPING=1\n/)
    expect(await daemon.ended).toEqual({ exit: 0, signal: null })
  },
)
