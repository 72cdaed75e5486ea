import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openSchedulerLog, type SchedulerLog, type SchedulerLogOptions } from '../../src/scheduler/log.ts'
import { freeze, MOUNTS, mountLoop } from '../disks/devices.ts'
import { buildLedger } from '../support/databases.ts'
import { UNPRIVILEGED } from '../support/other-process.ts'
import { backUp } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const NAME = 'backup_scheduler.log'

test('each line is JSON with level, time, process and message, in a file that only its owner reads', async () => {
  const path = join(temporaryDirectory(), 'logs', NAME)
  await using scene = open(path)
  scene.log.info({ job: 'daily', durationMs: 12 }, 'Backup\ncreated')
  await scene.close()
  expect(linesOf(path)).toEqual([
    {
      level: 'info',
      time: '2026-11-25T02:00:00.000Z',
      pid: process.pid,
      job: 'daily',
      durationMs: 12,
      msg: 'Backup\ncreated',
    },
  ])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
})

test('a log that others could read is theirs no longer', async () => {
  const path = join(temporaryDirectory(), NAME)
  writeFileSync(path, '', { mode: 0o644 })
  await using scene = open(path)
  scene.log.info('here')
  await scene.close()
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('lines below the level are left out', async () => {
  const path = join(temporaryDirectory(), NAME)
  await using scene = open(path, { level: 'warn' })
  scene.log.info('quiet')
  scene.log.warn('loud')
  await scene.close()
  expect(linesOf(path).map(line => line['msg'])).toEqual(['loud'])
})

test('a file is put aside before it grows beyond its size, and no line is lost or cut', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, NAME)
  await using scene = open(path, { maxSizeBytes: 400 })
  for (let number = 0; number < 20; number++) {
    scene.log.info({ number }, 'x'.repeat(50))
    await scene.settled()
  }
  await scene.close()
  const files = readdirSync(directory)
  expect(files).toContain(`${NAME}.20261125_020000_2`)
  for (const file of files) expect(statSync(join(directory, file)).size).toBeLessThanOrEqual(400)
  const numbers = files.flatMap(file => linesOf(join(directory, file)).map(line => line['number']))
  expect(numbers.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 20 }, (_, i) => i))
  expect(files.every(file => (statSync(join(directory, file)).mode & 0o777) === 0o600)).toBe(true)
})

test('a new day begins a new file, also after a restart', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, NAME)
  {
    await using scene = open(path)
    scene.log.info('Wednesday')
    await scene.settled()
    scene.clock.now = new Date('2026-11-26T02:00:00Z')
    scene.log.info('Thursday')
    await scene.close()
  }
  expect(linesOf(path).map(line => line['msg'])).toEqual(['Thursday'])
  utimesSync(path, new Date('2026-11-26T02:00:00Z'), new Date('2026-11-26T02:00:00Z'))
  await using scene = open(path)
  scene.clock.now = new Date('2026-11-27T02:00:00Z')
  scene.log.info('Friday')
  await scene.close()
  expect(readdirSync(directory).toSorted()).toEqual([
    NAME,
    `${NAME}.20261126_020000`,
    `${NAME}.20261127_020000`,
  ])
})

test('files put aside are removed after their days, and nothing else ever is', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, NAME)
  const kept = ['20261118_030000', '20261120_000000_2'].map(stamp => `${NAME}.${stamp}`)
  const others = [
    `${NAME}.gz`,
    `${NAME}.20200101`,
    'other.log.20200101_000000',
    `${NAME}.20200101_000000.txt`,
  ]
  const old = [`${NAME}.20261110_000000`, `${NAME}.20200101_000000_7`]
  for (const name of [NAME, ...kept, ...others, ...old]) writeFileSync(join(directory, name), 'x\n')
  await using scene = open(path, { maxDays: 7, maxSizeBytes: 1 })
  utimesSync(path, scene.clock.now, scene.clock.now)
  scene.log.info('new')
  await scene.close()
  expect(readdirSync(directory).toSorted()).toEqual(
    [NAME, `${NAME}.20261125_020000`, ...kept, ...others].toSorted(),
  )
})

test('a scheduler that fails in circles fills no disk: the number of files is bounded', async () => {
  const directory = temporaryDirectory()
  await using scene = open(join(directory, NAME), { maxSizeBytes: 1 })
  for (let number = 0; number < 50; number++) {
    scene.clock.now = new Date(scene.clock.now.getTime() + 1000)
    scene.log.info('again')
    await scene.settled()
  }
  await scene.close()
  expect(readdirSync(directory)).toHaveLength(31)
})

test('a log directory that was removed is made anew, and a file that was moved away is not followed', async () => {
  const directory = join(temporaryDirectory(), 'logs')
  const path = join(directory, NAME)
  await using scene = open(path)
  scene.log.info('first')
  await scene.settled()
  rmSync(directory, { recursive: true })
  scene.log.info('second')
  await scene.settled()
  renameSync(path, join(directory, 'moved'))
  scene.log.info('third')
  await scene.close()
  expect(linesOf(join(directory, 'moved')).map(line => line['msg'])).toEqual(['second'])
  expect(linesOf(path).map(line => line['msg'])).toEqual(['third'])
})

test('a log in a directory that cannot be written goes to stderr, and backups go on', () => {
  const directory = temporaryDirectory()
  const logs = join(directory, 'logs')
  mkdirSync(logs)
  chmodSync(logs, 0o500)
  onTestFinished(() => chmodSync(logs, 0o700))
  const { stderr, backup } = logAndBackUp(directory, join(logs, NAME))
  expect(backup).toBe(true)
  expect(stderr).toMatch(/^The log cannot be written \(EACCES/)
  expect(stderr.match(/cannot be written/g)).toHaveLength(1)
  expect(stderr).toContain('"msg":"before the backup"')
  expect(stderr).toContain('"msg":"after the backup"')
})

test('a pipe in place of the log keeps nobody waiting', () => {
  const directory = temporaryDirectory()
  run('mkfifo', [join(directory, NAME)])
  const { stderr, backup } = logAndBackUp(directory, join(directory, NAME))
  expect(backup).toBe(true)
  expect(stderr).toContain('"msg":"after the backup"')
})

testWith(
  ['root', 'linux'],
  'a full log disk stops no backup, and the log says afterwards what it lacks',
  () => {
    const directory = temporaryDirectory()
    const logs = join(directory, 'logs')
    mkdirSync(logs)
    run('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', logs])
    onTestFinished(() => void run('umount', [logs]))
    const path = join(logs, NAME)
    writeFileSync(join(logs, 'others'), Buffer.alloc(56 * 1024))
    const filler = 'x'.repeat(5_000)
    const { stderr, backup } = logAndBackUp(directory, path, filler)
    expect(backup).toBe(true)
    expect(stderr).toMatch(/^The log cannot be written \(ENOSPC/)
    expect(stderr.split(filler)).toHaveLength(4)
    // Whole lines only, what did not fit is said, and what fits again is there.
    expect(linesOf(path).map(line => line['msg'])).toEqual([
      'before the backup',
      filler,
      'Lines missing here, because the file could not be written: 3',
      'after the backup',
    ])
  },
)

testWith(
  [...MOUNTS, 'mkfs.ext4', 'fsfreeze', 'setsid'],
  'a log disk that hangs keeps nobody waiting, and memory small; once it answers, it has its lines',
  async () => {
    const directory = temporaryDirectory()
    const logs = join(directory, 'logs')
    mountLoop(logs, 'ext4', 32)
    const path = join(logs, NAME)
    await using scene = open(path, { maxSizeBytes: 1e7 })
    scene.log.info('before')
    await scene.settled()
    const frozen = freeze(logs)
    scene.log.info('while it hangs')
    const database = join(directory, 'app.db')
    buildLedger(database)
    await backUp(database)
    const started = performance.now()
    await scene.close()
    expect(performance.now() - started).toBeGreaterThan(1_500)
    for (let number = 0; number < 3_000; number++) scene.log.info('x'.repeat(1_000))
    frozen.thaw()
    // Closing waits no longer for a disk that is slow to come back than for one that hangs.
    await expect.poll(() => linesOf(path).length, { timeout: 60_000 }).toBeGreaterThan(900)
    await scene.close()
    const messages = linesOf(path).map(line => line['msg'])
    const kept = messages.filter(message => message === 'x'.repeat(1_000)).length
    expect(kept).toBeGreaterThan(900)
    expect(kept).toBeLessThan(1_100)
    expect(messages.slice(0, 2)).toEqual(['before', 'while it hangs'])
    expect(messages.at(-1)).toBe(`Lines missing here, because the file could not be written: ${3_000 - kept}`)
  },
)

test('a terminal gets lines in words, which cannot drive it', () => {
  const directory = temporaryDirectory()
  const { stdout } = runLogging(
    join(directory, NAME),
    `log.info({ job: 'daily', at: new Date(0) }, 'Backup \\u001b[31mcreated\\nforged line')
     log.error({ err: new Error('disk gone') }, 'Backup failed')
     log.info({ level: 'constructor' })
     log.info({ level: 7, time: { a: 1 }, msg: null, none: undefined, circular: globalThis })`,
    { echo: '{ stream: process.stdout, isInWords: true }' },
  )
  expect(stdout.split('\n')).toEqual([
    expect.stringMatching(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ INFO {2}Backup \\u001b\[31mcreated\\u000aforged line job=daily at=1970-01-01T00:00:00.000Z$/,
    ),
    expect.stringMatching(/Z ERROR Backup failed err="disk gone"$/),
    expect.stringMatching(/Z CONSTRUCTOR $/),
    expect.stringMatching(/^\{"a":1\}Z 7 {4} null /),
    '',
  ])
})

interface Scene extends AsyncDisposable, SchedulerLog {
  readonly clock: { now: Date }
  /** When everything that was logged has reached the file. */
  settled(): Promise<void>
}

function open(path: string, options: Partial<SchedulerLogOptions> = {}): Scene {
  const clock = { now: new Date('2026-11-25T02:00:00Z') }
  const opened = openSchedulerLog({
    path,
    level: 'info',
    maxSizeBytes: 1_000_000,
    maxDays: 30,
    echo: null,
    now: () => clock.now,
    ...options,
  })
  const settled = (): Promise<void> => opened.close()
  return { log: opened.log, close: settled, clock, settled, [Symbol.asyncDispose]: settled }
}

function linesOf(path: string): Record<string, unknown>[] {
  const text = readFileSync(path, 'utf8')
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => (line === 'x' ? {} : (JSON.parse(line) as Record<string, unknown>)))
}

/** A process that logs, backs up, and logs; without the rights of root. */
function logAndBackUp(
  directory: string,
  path: string,
  filler = '',
): { stderr: string; stdout: string; backup: boolean } {
  const database = join(directory, 'app.db')
  buildLedger(database)
  const index = JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)
  const result = runLogging(
    path,
    `const { Database } = await import(${index})
     log.info('before the backup')
     for (let i = 0; i < 4; i++) { log.info(${JSON.stringify(filler)}); await new Promise(resolve => setTimeout(resolve, 20)) }
     const database = new Database({ path: ${JSON.stringify(database)}, backupDir: ${JSON.stringify(join(directory, 'backups'))} })
     const { success } = await database.createBackup()
     log.info('after the backup')
     console.log(success)`,
  )
  return { ...result, backup: result.stdout === 'true\n' }
}

function runLogging(path: string, body: string, { echo = 'null' } = {}): { stdout: string; stderr: string } {
  const source = JSON.stringify(new URL('../../src/scheduler/log.ts', import.meta.url).href)
  const program = `
    import { openSchedulerLog } from ${source}
    const options = { path: ${JSON.stringify(path)}, level: 'info', maxSizeBytes: 1e6, maxDays: 30, echo: ${echo} }
    const { log, close } = openSchedulerLog(options)
    ${body}
    await close()`
  const [command, ...args] = [...UNPRIVILEGED, process.execPath, '--no-warnings', '--input-type=module']
  const { NODE_OPTIONS: _, FORCE_COLOR: __, ...env } = process.env
  const result = spawnSync(command as string, [...args, '--eval', program], {
    encoding: 'utf8',
    env: { ...env, NO_COLOR: '1' },
  })
  if (result.status !== 0) throw new Error(`ended with ${result.status ?? result.signal}: ${result.stderr}`)
  return result
}
