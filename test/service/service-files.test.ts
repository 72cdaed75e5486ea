import { spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  Database,
  type DatabaseOptions,
  type ServiceFiles,
  type ServiceFilesRequest,
} from '../../src/index.ts'
import { serviceFiles } from '../../src/operations/service-files.ts'
import type { ServicePlan } from '../../src/service/plan.ts'
import { buildDatabase } from '../support/databases.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { NOBODY, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

class Place {
  readonly directory: string
  readonly path: string
  readonly units: string

  constructor(name = 'app', file = 'app.db') {
    this.directory = join(temporaryDirectory(), name)
    this.path = join(this.directory, file)
    this.units = join(this.directory, 'units')
    for (const directory of [this.directory, this.units, join(this.directory, 'backups')])
      mkdirSync(directory)
    buildDatabase(this.path, 'CREATE TABLE t (a)', { journalMode: 'delete' })
  }

  async files(request: ServiceFilesRequest = {}, options: DatabaseOptions = {}): Promise<ServiceFiles> {
    const here = { path: this.path, backupDir: join(this.directory, 'backups') }
    return succeeded(await new Database({ ...here, ...options }).serviceFiles(request))
  }

  install(request: ServiceFilesRequest = {}, options: DatabaseOptions = {}): Promise<ServiceFiles> {
    return this.files({ install: true, directory: this.units, ...request }, options)
  }
}

const NAMES = ['app', `with space, 100% %i, 'single', "double", \\x41 and $HOME`]

for (const form of ['daemon', 'timer'] as const) {
  testWith(
    ['systemd-analyze'],
    `systemd accepts the units of the form ${form} without a word, wherever the database lies`,
    async () => {
      for (const name of NAMES) {
        const place = new Place(name, `${name}.db`)
        const { files, installed } = await place.install({ form })
        expect(installed).toBe(true)
        const paths = files.map(({ path }) => path as string)
        expect(readdirSync(place.units).toSorted()).toEqual(files.map(file => file.name).toSorted())
        const verified = spawnSync('systemd-analyze', ['verify', ...paths], { encoding: 'utf8' })
        expect({ status: verified.status, said: verified.stderr + verified.stdout }).toEqual({
          status: 0,
          said: '',
        })
      }
    },
  )

  testWith(['systemd-analyze'], `the service of the form ${form} is exposed by 3.0 at most`, async () => {
    const place = new Place()
    for (const user of ['root', 'nobody']) {
      const { files } = await place.install({ form, user })
      const service = files.find(({ name }) => name.endsWith('.service'))
      const { stdout } = spawnSync(
        'systemd-analyze',
        ['security', '--offline=true', '--no-pager', service?.path as string],
        { encoding: 'utf8' },
      )
      const [, exposure] = /Overall exposure level for .*: (\d+\.\d)/.exec(stdout) ?? []
      expect(Number(exposure), stdout).toBeLessThanOrEqual(3)
    }
  })
}

testWith(['systemd-analyze', 'bash'], 'systemd reads every path of a unit as it is', async () => {
  for (const name of NAMES) {
    const place = new Place(name, `${name}\n.db`)
    setVariables({ CHAME_BACKUP_CHECK: 'full', CHAME_BACKUP_TIME_ZONE: 'Asia/Tokyo' })
    const { files } = await place.install()
    const env = { ...process.env, SYSTEMD_LOG_LEVEL: 'debug', LC_ALL: 'C' }
    const { stdout } = spawnSync('systemd-analyze', ['verify', files[0]?.path as string], {
      encoding: 'utf8',
      env,
    })
    const read = (key: string): string[] =>
      [...stdout.matchAll(new RegExp(`^\\s+${key}: (.*)$`, 'gm'))].map(([, value]) => value as string)
    expect(read('ReadWritePaths')).toEqual([`-${place.directory}`])
    expect(read('WorkingDirectory')).toEqual([process.cwd()])
    expect(read('Environment')).toEqual(['CHAME_BACKUP_CHECK=full', 'CHAME_BACKUP_TIME_ZONE=Asia/Tokyo'])
    // Shown as a shell would take it, but for the line break. Variables are expanded only when it is started, so `$`
    // is still doubled.
    const shown = read('Command Line')[0] as string
    expect(shown).not.toContain('\\\\n')
    const words = spawnSync('bash', ['-c', `printf '%s\\0' ${shown}`], { encoding: 'utf8' }).stdout
    expect(words.split('\0').slice(-5, -1)).toEqual([
      '--path',
      place.path.replaceAll('$', '$$$$').replaceAll('\n', '\\n'),
      '--backup-dir',
      join(place.directory, 'backups').replaceAll('$', '$$$$'),
    ])
  }
})

testWith(
  ['systemd-analyze'],
  'timers run when the schedule of the daemon would, in its time zone',
  async () => {
    const place = new Place()
    const { files } = await place.files({ form: 'timer' }, { timeZone: 'Europe/Berlin' })
    const calendars = files.flatMap(({ name, text }) => {
      const [, job] = /-(\w+)\.timer$/.exec(name) ?? []
      const [, calendar] = /^OnCalendar=(.*)$/m.exec(text) ?? []
      return job === undefined ? [] : [[job, calendar as string] as const]
    })
    const next = calendars.map(([job, calendar]) => {
      const arguments_ = ['calendar', '--iterations=1', '--base-time=2026-11-25 12:00:00 UTC', calendar]
      const env = { ...process.env, TZ: 'UTC', LC_ALL: 'C' }
      const { stdout } = spawnSync('systemd-analyze', arguments_, { encoding: 'utf8', env })
      return [job, /Next elapse: (.*)/.exec(stdout)?.[1]]
    })
    expect(Object.fromEntries(next)).toEqual({
      daily: 'Thu 2026-11-26 01:00:00 UTC',
      weekly: 'Sun 2026-11-29 02:00:00 UTC',
      cleanup: 'Tue 2026-12-01 03:00:00 UTC',
      drill: 'Sun 2026-11-29 04:00:00 UTC',
    })
  },
)

test('the service may write the directories of all databases, of their backups and of the log, and no others', async () => {
  const place = new Place()
  const elsewhere = temporaryDirectory()
  buildDatabase(join(elsewhere, 'real.db'), 'CREATE TABLE t (a)')
  symlinkSync(join(elsewhere, 'real.db'), join(place.directory, 'link.db'))
  const config = join(place.directory, 'config.json')
  const databases = {
    one: { path: 'app.db', backupDir: '../one' },
    two: { path: 'link.db', backupDir: 'below' },
  }
  writeFileSync(config, JSON.stringify({ databases, schedule: { log: { path: '../logs/scheduler.log' } } }))
  const { files, notes } = succeeded(await new Database({ config }).serviceFiles({ form: 'daemon' }))
  const [unit] = files
  expect(linesOf(unit?.text, 'ReadWritePaths')).toEqual(
    [place.directory, elsewhere, ...['one', 'logs'].map(name => join(place.directory, '..', name))].map(
      path => `-${path}`,
    ),
  )
  expect(unit?.text).toContain('Description=Backups of one, two\n')
  expect(unit?.text).toContain(` --config ${config}\n`)
  expect(notes).toEqual(['one', 'logs'].map(name => expect.stringContaining(`/${name}`) as unknown))
})

test('what lies in /home or /tmp is not hidden from the service, and is otherwise', async () => {
  const place = new Place()
  const [inTmp] = (await place.files()).files
  expect(inTmp?.text).not.toContain('PrivateTmp')
  const elsewhere = { path: '/srv/app/app.db', backupDir: '/srv/backups' }
  const { files } = await place.files({}, elsewhere)
  // Where this repository lies decides too: the service runs it.
  const isBelow = (directory: string): boolean =>
    [process.cwd(), process.execPath].some(path => path.startsWith(directory))
  expect(files[0]?.text.includes('PrivateTmp=yes')).toBe(!isBelow('/tmp/'))
  const atHome = (await place.files({}, { path: '/home/ann/app.db' })).files[0]
  expect(atHome?.text).toContain('ProtectHome=read-only\n')
})

testWith(['root'], 'the scheduler runs as the owner of the database, or as who is named', async () => {
  const place = new Place()
  expect(linesOf((await place.files()).files[0]?.text, 'User')).toEqual(['root'])
  chownSync(place.path, NOBODY, NOBODY)
  expect(linesOf((await place.files()).files[0]?.text, 'User')).toEqual([String(NOBODY)])
  expect(linesOf((await place.files({ user: 'ann' })).files[0]?.text, 'User')).toEqual(['ann'])
})

test('what the configuration takes from the environment goes into the unit, and no secret', async () => {
  const place = new Place()
  setVariables({
    CHAME_BACKUP_PATH: join(place.directory, '100% "app".db'),
    CHAME_BACKUP_TIME_ZONE: 'Asia/Tokyo',
    CHAME_BACKUP_REDACTION_KEY: 'c4nary',
  })
  for (const form of ['daemon', 'timer', 'crontab'] as const) {
    const { files } = succeeded(await new Database().serviceFiles({ form }))
    const text = files.map(file => file.text).join('')
    expect(text).not.toContain('c4nary')
    expect(text).toContain('Asia/Tokyo')
  }
  const { files } = succeeded(await new Database().serviceFiles())
  expect(files[0]?.text).toContain(
    `Environment="CHAME_BACKUP_PATH=${place.directory}/100%% \\"app\\".db"\nEnvironment=CHAME_BACKUP_TIME_ZONE=Asia/Tokyo\n`,
  )
})

test('a crontab line runs the scheduler from where the configuration is, whatever its path', async () => {
  for (const name of NAMES) {
    const place = new Place(name)
    const { files, notes } = await place.files({ form: 'crontab' }, { timeZone: 'Asia/Tokyo' })
    const lines = (files[0]?.text ?? '').trimEnd().split('\n')
    expect(lines[0]).toMatch(/^# Written by chame-backup systemd for \//)
    expect(lines.slice(1).map(line => /^(\S+ \S+ \S+ \S+ \S+) .* (\w+)$/.exec(line)?.slice(1))).toEqual([
      ['0 2 * * *', 'daily'],
      ['0 3 * * 0', 'weekly'],
      ['0 4 1 * *', 'cleanup'],
      ['0 5 * * 0', 'drill'],
    ])
    const command = (lines[1] ?? '').split(' ').slice(5).join(' ').replaceAll('\\%', '%')
    // The scheduler's place is taken by something that shows its words.
    const shown = command.replace(process.execPath, `printf '<%s>'`)
    const { stdout } = spawnSync('sh', ['-c', shown], { encoding: 'utf8' })
    expect(stdout).toContain(`<--path><${place.path}><--backup-dir><${join(place.directory, 'backups')}>`)
    expect(stdout).toMatch(/<--run-once><daily>$/)
    expect(notes).toEqual([expect.stringContaining('Asia/Tokyo')])
  }
})

test('units are for everybody to read, replace their older selves, and leave nothing beside them', async () => {
  const place = new Place()
  await place.install()
  const { files } = await place.install({ user: 'ann' })
  expect(readdirSync(place.units)).toEqual(['chame-backup-scheduler.service'])
  const path = join(place.units, 'chame-backup-scheduler.service')
  expect(readFileSync(path, 'utf8')).toBe(files[0]?.text)
  expect(readFileSync(path, 'utf8')).toContain('User=ann\n')
  expect(statSync(path).mode & 0o777).toBe(0o644)
})

test('a unit that somebody else wrote is never replaced, and then none is written', async () => {
  const place = new Place()
  const path = join(place.units, 'chame-backup-scheduler-weekly.timer')
  writeFileSync(path, '# Written by chame-backup systemd for /another/application\n')
  const database = new Database({ path: place.path })
  const request = { form: 'timer', install: true, directory: place.units } as const
  const failure = failedWith('TARGET_INVALID', await database.serviceFiles(request))
  expect(failure.hint).toContain('--name')
  expect(readdirSync(place.units)).toEqual(['chame-backup-scheduler-weekly.timer'])
  const { files } = succeeded(await database.serviceFiles({ ...request, name: 'backups-of-app' }))
  expect(files.map(file => file.name)).toContain('backups-of-app-weekly.timer')
  expect(files.at(-1)?.text).toContain('Unit=backups-of-app@drill.service\n')
})

test('a directory for units that is not there, or is none, is named, and not made', async () => {
  const place = new Place()
  const database = new Database({ path: place.path })
  const missing = join(place.directory, 'not', 'there')
  for (const directory of [missing, place.path, join(place.path, 'below')]) {
    const failure = failedWith('TARGET_INVALID', await database.serviceFiles({ install: true, directory }))
    expect(failure.message).toMatch(/no directory to write units into: /)
    expect(failure.message).toContain(directory)
    expect(failure.message).not.toContain('.chame-work')
    expect(failure.hint).toContain('--directory')
  }
  expect(existsSync(join(place.directory, 'not'))).toBe(false)
})

test('what cannot be written, or makes no sense, is refused', async () => {
  const database = new Database({ path: '/data/line\nbreak/app.db', backupDir: '/backups' })
  failedWith('INVALID_ARGUMENT', await database.serviceFiles())
  failedWith('INVALID_ARGUMENT', await database.serviceFiles({ form: 'crontab' }))
  const sound = new Database({ path: '/data/app.db' })
  failedWith('INVALID_ARGUMENT', await sound.serviceFiles({ form: 'crontab', install: true }))
  failedWith('INVALID_ARGUMENT', await sound.serviceFiles({ name: '../evil' }))
  failedWith('INVALID_ARGUMENT', await sound.serviceFiles({ user: 'ann\nExecStart=/bin/evil' }))
  failedWith('INVALID_ARGUMENT', await sound.serviceFiles({ form: 'launchd' as 'daemon' }))
})

function linesOf(text: string | undefined, key: string): string[] {
  const lines = (text ?? '').split('\n').filter(line => line.startsWith(`${key}=`))
  return lines.map(line => line.slice(key.length + 1))
}

function setVariables(variables: Readonly<Record<string, string>>): void {
  const before = { ...process.env }
  onTestFinished(() => {
    process.env = before
  })
  Object.assign(process.env, variables)
}

test('a program that npm may take away again is said to be one', async () => {
  const plan: ServicePlan = {
    name: 'shop',
    databases: ['shop'],
    program: '/usr/bin/node',
    script: '/root/.npm/_npx/0123/node_modules/chame-backup/dist/scheduler/main.js',
    options: [],
    environment: {},
    workingDirectory: '/',
    writtenDirectories: ['/'],
    readPaths: [],
    user: 'root',
    timeZone: undefined,
  }
  const { signal } = new AbortController()
  expect((await serviceFiles({}, plan, signal)).notes).toEqual([expect.stringContaining('install it first')])
  expect((await serviceFiles({}, { ...plan, script: '/opt/main.js' }, signal)).notes).toEqual([])
})
