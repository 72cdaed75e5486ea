/** Too little of what the kernel gives: memory, processes, descriptors. The job fails, the host lives on. */
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import type { Failure } from '../../src/index.ts'
import { isFull, select } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { leftoversIn } from '../restore/scene.ts'
import { buildDatabase, buildLedger } from '../support/databases.ts'
import { holdEngines } from '../support/held-engines.ts'
import { type Call, callElsewhere } from '../support/other-process.ts'
import { engineProcesses, failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { storedFiles, temporaryDirectory } from '../support/temporary.ts'
import { makeGroup, needsController } from './cgroups.ts'

holdEngines()

/** Enough for the hash to be computed in a thread of its own, and for SQLite's cache to fill. */
const LARGE =
  'CREATE TABLE t (a, b); INSERT INTO t VALUES (1, randomblob(40000000)); CREATE INDEX i ON t (a, b)'

for (const { what, victim, step } of [
  { what: 'the engine', victim: 'engine', step: 'copy-image' },
  { what: 'the process that reads the database', victim: 'sqlite', step: 'copy-image' },
] as const) {
  testWith(
    ['linux', needsController('memory')],
    `when ${what} is killed for want of memory, the job fails, the host lives, and the next call has a new one`,
    async () => {
      const path = join(temporaryDirectory(), 'large.db')
      buildDatabase(path, LARGE)
      const product = protect(path)
      const first = succeeded(await product.createBackup())
      const group = makeGroup('memory', victim)
      group.set('memory.limit_in_bytes', '1M')
      const pids = engineProcesses().flatMap(processes => processes[victim] ?? [])
      const result = await product.createBackup({
        check: 'full',
        onProgress: progress => {
          if (progress.step === step) for (const pid of pids) group.add(pid)
        },
      })
      expect(failedWith('ENGINE_FAILED', result).message).toContain('was killed by SIGKILL')
      expect(await product.listBackups()).toHaveLength(1)
      const second = succeeded(await product.createBackup())
      expect(engineProcesses().map(processes => processes[victim])).not.toContain(pids[0])
      expect(leftoversIn(dirname(path))).toEqual([])
      for (const { filename } of [first, second]) {
        expect(await product.verifyBackup(filename)).toMatchObject({ status: 'intact' })
      }
    },
  )
}

if (isFull) {
  testWith(
    ['linux', 'sh', needsController('memory')],
    'a database of more than a gigabyte is backed up, verified and restored in 250 MB of memory',
    () => {
      const directory = temporaryDirectory()
      const path = join(directory, 'huge.db')
      const rows = 'WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1200)'
      buildDatabase(path, `CREATE TABLE t (a); ${rows} INSERT INTO t SELECT zeroblob(1000000) FROM n`)
      expect(statSync(path).size).toBeGreaterThan(1.1e9)
      const group = makeGroup('memory', 'huge')
      group.set('memory.limit_in_bytes', '250M')
      const calls: readonly Call[] = [
        ['createBackup', {}],
        ['verifyBackup', 'latest', {}],
        ['restoreBackup', 'latest', { confirm: true }],
      ]
      const under = ['sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', group.directory]
      const answers = callElsewhere({ path, backupDir: join(directory, 'backups') }, calls, { under })
      expect(answers).toMatchObject([{ success: true }, { success: true }, { success: true }])
    },
    600_000,
  )
}

/** Takes the right to start anything away from itself, asks, takes it back, and asks again. */
const WITHOUT_PROCESSES = `
  import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
  import { readFileSync, writeFileSync } from 'node:fs'
  import { stat } from 'node:fs/promises'
  const [group, options] = process.argv.slice(1)
  // The threads that Node starts with the first file operations.
  await Promise.all(Array.from({ length: 8 }, () => stat('/')))
  writeFileSync(group + '/cgroup.procs', String(process.pid))
  writeFileSync(group + '/pids.max', readFileSync(group + '/pids.current', 'utf8'))
  const database = new Database(JSON.parse(options))
  const refused = await database.createBackup()
  writeFileSync(group + '/pids.max', 'max')
  console.log(JSON.stringify([refused, await database.createBackup()]))
`

testWith(
  ['linux', needsController('pids')],
  'when no process can be started, the job fails, and the next one succeeds once there is room',
  async () => {
    for (const engine of ['here', 'process'] as const) {
      const directory = temporaryDirectory()
      const path = join(directory, 'ledger.db')
      buildLedger(path)
      const group = makeGroup('pids', engine)
      const options = JSON.stringify({ path, backupDir: join(directory, 'backups'), engine })
      const script = ['--no-warnings', '--input-type=module', '--eval', WITHOUT_PROCESSES, '--']
      const answer = run(process.execPath, [...script, group.directory, options])
      const [refused, made] = JSON.parse(answer) as [Failure, { success: boolean }]
      expect(failedWith('ENGINE_FAILED', refused).hint).toBeTruthy()
      expect(made.success).toBe(true)
      expect(leftoversIn(directory)).toEqual([])
    }
  },
)

testWith(
  ['linux', 'prlimit'],
  'a limit of open files, however low, is an error that is typed, or none, and leaves no trace',
  async () => {
    let failed = 0
    let whole = 0
    const limits = Array.from({ length: 30 }, (_, i) => 22 + i)
    for (const engine of ['here', 'process'] as const) {
      for (const limit of select(limits, 3)) {
        const directory = temporaryDirectory()
        const path = join(directory, 'ledger.db')
        buildLedger(path)
        const options = { path, backupDir: join(directory, 'backups'), engine }
        const under = ['prlimit', `--nofile=${limit}:${limit}`]
        const [answer] = callElsewhere(options, [['createBackup', {}]], { under })
        if (answer?.success === true) {
          whole++
        } else {
          failed++
          expect(['IO_FAILED', 'ENGINE_FAILED'], JSON.stringify(answer)).toContain((answer as Failure).code)
          expect(storedFiles(options.backupDir), `${limit}`).toEqual([])
        }
        expect(callElsewhere(options, [['createBackup', {}]])).toMatchObject([{ success: true }])
      }
    }
    publish({
      group: 'Full, failing and frozen disks',
      what: 'few open files',
      count: failed + whole,
      unit: 'runs',
      outcome: `${failed} failed, ${whole} whole`,
    })
    expect(whole).toBeGreaterThan(0)
  },
)
