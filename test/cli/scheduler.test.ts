import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { openWorkplace, type Workplace } from './run-cli.ts'

function configure(place: Workplace, config: Config): void {
  writeFileSync(place.path('chame-backup.config.json'), JSON.stringify({ timeZone: 'UTC', ...config }))
}

test('--dry-run prints the next runs of the default jobs, and writes nothing', async () => {
  using place = openWorkplace()
  configure(place, {})
  const { runs } = await place.json(['scheduler', '--dry-run'])
  const seen = runs as { at: string; job: string; kind: string }[]
  expect(seen.find(({ job }) => job === 'daily')?.at).toMatch(/T02:00:00\.000Z$/)
  const weekly = seen.find(({ job }) => job === 'weekly')?.at ?? ''
  expect(weekly).toMatch(/T03:00:00\.000Z$/)
  expect(new Date(weekly).getUTCDay()).toBe(0)
  expect(seen.map(({ at }) => at)).toEqual(seen.map(({ at }) => at).toSorted())
  const inWords = await place.cli(['scheduler', '--dry-run'])
  expect(inWords).toMatchObject({ exit: 0, stderr: '' })
  expect(inWords.stdout).toMatch(/^When .*Job .*Kind/)
  expect(await place.cli(['list', '--json'])).toMatchObject({
    stdout: expect.stringContaining('"backups": []'),
  })
})

test('--run-once makes the backup of a job now, and --status shows it', async () => {
  using place = openWorkplace()
  configure(place, {})
  const ran = await place.cli(['scheduler', '--run-once', 'daily', '--quiet'])
  expect(ran).toEqual({ exit: 0, stdout: '', stderr: '' })
  const { backups } = await place.json(['list'])
  expect(backups).toMatchObject([
    { type: 'daily', description: expect.stringMatching(/^Scheduled: daily, due 20/) },
  ])
  const status = await place.cli(['scheduler', '--status'])
  expect(status).toMatchObject({ exit: 0, stderr: '' })
  expect(status.stdout).toContain('Not running')
  expect(status.stdout).toMatch(/daily +just now +succeeded +20\d\d-/)
  expect((await place.cli(['info'])).stdout).toMatch(/Schedule\n.*stopped just now/)
})

test('--run-once of a job that fails exits as the failure does, and is shown by --status and info', async () => {
  using place = openWorkplace()
  configure(place, {})
  rmSync(place.databasePath)
  const ran = await place.cli(['scheduler', '--run-once', 'daily'])
  expect(ran.exit).toBe(10)
  expect(ran.stdout).toContain('✘ daily of chame: Database file not found')
  const status = await place.cli(['scheduler', '--status'])
  expect(status.exit).toBe(3)
  expect(status.stdout).toContain('Database file not found')
  expect((await place.cli(['info'])).stdout).toMatch(
    /Failing +daily, since just now: Database file not found/,
  )
})

test('--run-once of a verify job finds damage, names it, and exits with 3', async () => {
  using place = openWorkplace()
  configure(place, { schedule: { jobs: { check: { kind: 'verify', cron: '0 6 * * *' } } } })
  await place.json(['create'])
  const { backupPath, filename } = await place.json(['create'])
  const file = openSync(String(backupPath), 'r+')
  writeSync(file, Buffer.alloc(64, 0xa5), 0, 64, 4096)
  closeSync(file)
  const ran = await place.cli(['scheduler', '--run-once', 'check'])
  expect(ran.exit).toBe(3)
  expect(ran.stdout).toContain(`1 of 2 backups are damaged`)
  expect(ran.stdout).toContain(String(filename))
})

test('--test makes a backup, verifies it, and says how it went', async () => {
  using place = openWorkplace()
  configure(place, {})
  expect(await place.json(['scheduler', '--test'])).toMatchObject({
    status: 'passed',
    databases: [{ database: 'chame', isVerified: true, failure: null }],
  })
  rmSync(place.databasePath)
  expect(await place.cli(['scheduler', '--test'])).toMatchObject({ exit: 10 })
})

test('info warns and exits with 3 when the last good backup is too old', async () => {
  using place = openWorkplace()
  configure(place, { schedule: { maxBackupAge: '36h' } })
  const none = await place.cli(['info'])
  expect(none.exit).toBe(3)
  expect(none.stdout).toContain('There is no good backup; none should be older than 36h.')
  await place.json(['create'])
  expect((await place.cli(['info'])).exit).toBe(0)
  configure(place, { schedule: { maxBackupAge: '0s' } })
  const old = await place.cli(['info', '--json'])
  expect(old.exit).toBe(3)
  expect(JSON.parse(old.stdout)).toMatchObject({ success: true, isOverdue: true, maxBackupAgeMs: 0 })
})

test.each([
  [['--run-once', 'nightly'], /There is no job "nightly"/],
  [['--test', '--status'], /cannot be used with/],
])('`scheduler %s` is a usage error', async (args, message) => {
  using place = openWorkplace()
  configure(place, {})
  const failed = await place.cli(['scheduler', ...args])
  expect(failed).toMatchObject({ exit: 2, stdout: '' })
  expect(failed.stderr).toMatch(message)
})

test.each<[string, Config, RegExp]>([
  ['a job without a kind', { schedule: { jobs: { nightly: { cron: '0 1 * * *' } } } }, /nightly.*no kind/],
  ['a job without a cron', { schedule: { jobs: { nightly: { kind: 'verify' } } } }, /nightly.*no cron/],
  [
    'a backup job of an unknown type',
    { schedule: { jobs: { nightly: { kind: 'backup', cron: '0 1 * * *' } } } },
    /"nightly" is not a type/,
  ],
  [
    'a backup job of the type that restores make',
    { schedule: { jobs: { daily: { type: 'pre_restore' } } } },
    /"pre_restore" is not a type/,
  ],
  ['an unknown database', { schedule: { jobs: { daily: { databases: ['x'] } } } }, /no database "x"/],
  [
    'no job at all',
    { schedule: { jobs: { daily: false, weekly: false, cleanup: false, drill: false } } },
    /schedules no job/,
  ],
])('a schedule with %s is refused, and it says what to do', async (_, config, message) => {
  using place = openWorkplace()
  configure(place, config)
  const failed = await place.cli(['scheduler'])
  expect(failed).toMatchObject({ exit: 2, stdout: '' })
  expect(failed.stderr).toMatch(message)
})

test('several databases are run by one job, each in its own directory', async () => {
  using place = openWorkplace()
  configure(place, {
    databases: {
      one: { path: 'data/chame.db', backupDir: 'b1' },
      two: { path: 'data/missing.db', backupDir: 'b2' },
    },
  })
  const ran = await place.cli(['scheduler', '--run-once', 'weekly', '--json'])
  expect(ran.exit).toBe(10)
  expect(JSON.parse(ran.stdout)).toMatchObject({
    status: 'failed',
    runs: [
      { database: 'one', lastRun: { outcome: 'succeeded' } },
      { database: 'two', lastRun: { outcome: 'failed', failure: { code: 'DATABASE_NOT_FOUND' } } },
    ],
  })
})
