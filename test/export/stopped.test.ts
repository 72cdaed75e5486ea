import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { DataExported, ExportDataRequest, Failure, Progress, RunOptions } from '../../src/index.ts'
import { descendantsOf, untilEnded } from '../crash/processes.ts'
import { buildDatabase, buildLedger } from '../support/databases.ts'
import { engineProcesses, failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { startScript } from '../support/scripts.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { runCli, startCli } from './cli.ts'

const ROWS = 30_000
const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
type Form = Pick<ExportDataRequest, 'format' | 'zip' | 'compress'>
const FORMS: readonly Form[] = [
  {},
  { format: 'csv' },
  { format: 'csv', zip: true },
  { format: 'sql', compress: 'gzip' },
]

/** Megabytes of rows, so that an export of them can be met in the middle. */
class Place {
  readonly directory = temporaryDirectory()
  readonly path = join(this.directory, 'data', 'app.db')
  readonly out = join(this.directory, 'out')
  readonly output = join(this.out, 'export')

  constructor(journalMode: 'wal' | 'delete' = 'wal') {
    for (const name of ['data', 'out']) mkdirSync(join(this.directory, name))
    const rows = `WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})`
    buildDatabase(
      this.path,
      `CREATE TABLE t (a, b); INSERT INTO t ${rows} SELECT i, hex(randomblob(100)) FROM n`,
      {
        journalMode,
      },
    )
  }

  export(
    request: ExportDataRequest & RunOptions = {},
    engine: 'here' | 'process' = 'process',
  ): Promise<DataExported | Failure> {
    const database = protect(this.path, { engine, backupDir: join(this.directory, 'backups') })
    return database.exportData({ output: this.output, ...request })
  }

  get args(): string[] {
    return [
      'export',
      '--path',
      this.path,
      '--backup-dir',
      join(this.directory, 'backups'),
      '--output',
      this.output,
    ]
  }

  /** Nothing of an export is anywhere, but for what the next run removes. */
  expectNothing({ butLeftovers = false } = {}): void {
    const left = [this.out, join(this.directory, 'backups')]
      .flatMap(filesIn)
      .filter(name => name !== 'exports')
    expect(left.filter(name => !butLeftovers || !/^\.chame-work-[0-9a-f]{12}$/.test(name))).toEqual([])
    expect(filesIn(dirname(this.path)).filter(name => !/^app\.db(-wal|-shm)?$/.test(name))).toEqual([])
  }

  /** The next export is whole, and nothing else is left. */
  async expectNext(request: ExportDataRequest = {}): Promise<void> {
    expect(succeeded(await this.export(request)).rows).toBe(ROWS)
    expect(filesIn(this.out)).toEqual(['export'])
    expect(filesBelow(join(this.directory, 'backups')).filter(name => name !== 'exports')).toEqual([])
  }
}

function filesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}

function rowsIn(path: string): number {
  return (JSON.parse(readFileSync(path, 'utf8')) as { summary: { rows: number } }).summary.rows
}

async function stepsOf(place: Place, form: Form): Promise<string[]> {
  const steps = new Set<string>()
  const output = join(place.directory, 'sound')
  succeeded(await place.export({ ...form, output, onProgress: ({ step }) => void steps.add(step) }))
  run('rm', ['-r', output])
  return [...steps]
}

describe('an export that is cancelled', () => {
  for (const engine of ['here', 'process'] as const) {
    for (const journalMode of ['wal', 'delete'] as const) {
      test(`at any step leaves nothing, in ${journalMode} mode, ${engine}`, async () => {
        const place = new Place(journalMode)
        for (const form of FORMS) {
          for (const wanted of await stepsOf(place, form)) {
            const controller = new AbortController()
            const onProgress = ({ step }: Progress): void => {
              if (step === wanted) controller.abort()
            }
            const result = await place.export({ ...form, onProgress, signal: controller.signal }, engine)
            if (result.success) {
              // Beyond recall: it has its name.
              expect(wanted).toBe('publish-export')
              expect(result.rows).toBe(ROWS)
              run('rm', ['-r', place.output])
            } else expect(result.code, `${wanted} of ${JSON.stringify(form)}`).toBe('CANCELLED')
            place.expectNothing()
          }
        }
        await place.expectNext()
      })
    }
  }

  test('in the middle of its rows leaves nothing', async () => {
    const place = new Place()
    for (const form of FORMS) {
      const controller = new AbortController()
      const onProgress = ({ doneRows = 0 }: Progress): void => {
        if (doneRows > ROWS / 4) controller.abort()
      }
      failedWith('CANCELLED', await place.export({ ...form, onProgress, signal: controller.signal }))
      place.expectNothing()
    }
  })

  test('before it began does not touch anything', async () => {
    const place = new Place()
    failedWith('CANCELLED', await place.export({ signal: AbortSignal.abort() }))
    expect(existsSync(join(place.directory, 'backups'))).toBe(false)
    place.expectNothing()
  })

  testWith(['linux'], 'by Ctrl-C ends with exit code 130, and leaves nothing and no process', async () => {
    const place = new Place()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      for (const waitMs of [300, 500, 700, 900]) {
        const child = startCli(place.args)
        const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
        await sleep(waitMs)
        const pids = descendantsOf(child.pid ?? 0)
        child.kill(signal)
        const [exit, by] = await ended
        await untilEnded(pids)
        if (exit === 0) {
          expect(existsSync(place.output)).toBe(true)
          run('rm', [place.output])
        } else expect(exit === 130 || by !== null, `exit ${exit}`).toBe(true)
        if (exit === 130) place.expectNothing()
        else place.expectNothing({ butLeftovers: true })
      }
    }
    await place.expectNext()
  })
})

const EXPORT_AND_DIE = `
  import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
  const [path, output, form, wanted, engine] = process.argv.slice(1)
  const onProgress = ({ step, doneRows = 0 }) => {
    if (wanted === 'rows' ? doneRows > 5000 : step === wanted) { console.log('there'); process.kill(process.pid, 'SIGSTOP') }
  }
  await new Database({ path, backupDir: path + '.backups', engine }).exportData({ output, ...JSON.parse(form), onProgress })
  setInterval(() => {}, 1 << 30)
`

describe('an export that is killed', () => {
  for (const engine of ['here', 'process'] as const) {
    testWith(
      ['linux'],
      `at any step has no name, leaves no process, and is cleaned up by the next one, ${engine}`,
      async () => {
        for (const form of [FORMS[0] ?? {}, FORMS[1] ?? {}]) {
          for (const wanted of ['open-source', 'find-sensitive', 'write-rows', 'rows', 'publish-export']) {
            const place = new Place()
            const started = await startScript(EXPORT_AND_DIE, [
              place.path,
              place.output,
              JSON.stringify(form),
              wanted,
              engine,
            ])
            const pids = descendantsOf(started.child.pid ?? 0)
            await started.kill()
            await untilEnded(pids)
            // An engine in a process of its own may have been done before it saw that nobody waits for it.
            if (!(engine === 'process' && existsSync(place.output)))
              place.expectNothing({ butLeftovers: true })
            await place.expectNext({ ...form, force: true })
          }
        }
      },
    )
  }

  for (const victim of ['engine', 'worker'] as const) {
    testWith(['linux'], `in its ${victim} fails, and leaves nothing under its name`, async () => {
      const place = new Place()
      for (const wanted of ['open-source', 'find-sensitive', 'write-rows', 'rows', 'publish-export']) {
        let pids: number[] = []
        const onProgress = ({ step, doneRows = 0 }: Progress): void => {
          if (pids.length > 0 || !(wanted === 'rows' ? doneRows > 5_000 : step === wanted)) return
          pids = engineProcesses().flatMap(({ engine }) =>
            victim === 'engine' ? [engine] : descendantsOf(engine),
          )
          for (const pid of pids) process.kill(pid, 'SIGKILL')
        }
        const result = await place.export({ onProgress })
        await untilEnded(pids)
        expect(pids.length).toBeGreaterThan(0)
        if (!result.success) expect(result.code, wanted).toBe('ENGINE_FAILED')
        // What was killed had nothing to do with it yet, or was done; who was to tell of it may be gone.
        else expect(wanted).toMatch(/open-source|publish-export|rows/)
        if (existsSync(place.output)) {
          expect(result.success || wanted === 'publish-export').toBe(true)
          expect(rowsIn(place.output)).toBe(ROWS)
          run('rm', [place.output])
        }
        place.expectNothing({ butLeftovers: victim === 'engine' })
        await place.expectNext()
        run('rm', [place.output])
      }
    })
  }

  testWith(
    ['linux', 'strace'],
    'at a system call that makes or names something has its name as a whole, or not at all',
    async () => {
      for (const format of ['json', 'csv'] as const) {
        const place = new Place()
        for (let when = 1; when <= 10; when++) {
          const inject = `inject=mkdir,rename,link,fsync,rmdir:signal=SIGKILL:when=${when}`
          const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', inject]
          spawnUnder(under, [...place.args, '--format', format])
          if (!existsSync(place.output)) continue
          expect(rowsIn(format === 'csv' ? join(place.output, 'schema.json') : place.output)).toBe(ROWS)
          run('rm', ['-r', place.output])
        }
        await place.expectNext({ format })
      }
    },
    300_000,
  )

  testWith(
    ['linux', 'strace'],
    'while it replaces another leaves that one, or itself, as a whole',
    async () => {
      for (const format of ['json', 'csv'] as const) {
        for (let when = 1; when <= 3; when++) {
          const place = new Place()
          succeeded(await place.export({ format }))
          const before = filesBelow(place.out).filter(name => !name.startsWith('.'))
          const inject = `inject=rename,renameat,renameat2,link,linkat:signal=SIGKILL:when=${when}`
          const { status } = spawnUnder(
            ['strace', '-f', '-qq', '-o', '/dev/null', '-e', inject],
            [...place.args, '--format', format, '--force'],
          )
          const names = filesBelow(place.out).filter(name => !name.startsWith('.'))
          const whole = [...new Set(names.map(name => name.split('/')[0] ?? ''))]
          if (status === 0) expect(whole).toEqual(['export'])
          // One of both is there: under the name, or beside it.
          expect(whole.some(name => /^export(\.replaced-[0-9a-f]{8})?$/.test(name))).toBe(true)
          for (const name of whole.filter(each => each !== 'export'))
            expect(filesIn(join(place.out, name)).length).toBe(before.length - 1)
          expect(succeeded(await place.export({ format, force: true })).rows).toBe(ROWS)
        }
      }
    },
    300_000,
  )
})

function spawnUnder(under: readonly string[], args: readonly string[]): { status: number | null } {
  const [command = '', ...first] = under
  return spawnSync(command, [...first, process.execPath, '--no-warnings', CLI, ...args], { encoding: 'utf8' })
}

test('an export whose reader has seen enough ends without a word', async () => {
  const place = new Place()
  for (const format of ['json', 'ndjson', 'sql']) {
    const command = `"$@" | head -c 1000 | wc -c`
    const args = [...place.args.slice(0, -1), '-', '--format', format, '--include-sensitive']
    const { stdout, stderr, status } = spawnSync(
      'sh',
      ['-c', command, 'sh', process.execPath, '--no-warnings', CLI, ...args],
      { encoding: 'utf8' },
    )
    expect({ stdout: stdout.trim(), stderr, status }).toEqual({ stdout: '1000', stderr: '', status: 0 })
  }
  place.expectNothing()
})

test('an export to standard output is whole, whatever it is read with', async () => {
  const place = new Place()
  const { stdout, exit } = await runCli([
    ...place.args.slice(0, -1),
    '-',
    '--format',
    'ndjson',
    '--include-sensitive',
  ])
  expect(exit).toBe(0)
  expect(stdout.trimEnd().split('\n')).toHaveLength(ROWS + 3)
  place.expectNothing()
})

describe('exports at the same time', () => {
  test('to one name give one of them that name, and tell the other', async () => {
    for (const form of FORMS) {
      const place = new Place()
      const results = await Promise.all([1, 2, 3].map(() => place.export(form)))
      const made = results.filter(result => result.success)
      expect(made).toHaveLength(1)
      for (const result of results) if (!result.success) expect(result.code).toBe('INVALID_ARGUMENT')
      expect(filesIn(place.out)).toEqual(['export'])
      await place.expectNext({ ...form, force: true })
    }
  })

  test('to one name by force end with one of them whole', async () => {
    for (const form of FORMS) {
      const place = new Place()
      succeeded(await place.export(form))
      const results = await Promise.all([1, 2, 3].map(() => place.export({ ...form, force: true })))
      expect(results.some(result => result.success)).toBe(true)
      for (const result of results) if (!result.success) expect(result.code).toBe('IO_FAILED')
      await place.expectNext({ ...form, force: true })
    }
  })

  test('to places of our own choice have names of their own', async () => {
    const place = new Place()
    const results = await Promise.all(
      [1, 2, 3].map(() =>
        protect(place.path, { backupDir: join(place.directory, 'backups') }).exportData({ format: 'csv' }),
      ),
    )
    const paths = results.map(result => succeeded(result).exportPath)
    expect(new Set(paths).size).toBe(3)
    expect(filesIn(join(place.directory, 'backups', 'exports')).toSorted()).toEqual(
      paths.map(path => basename(path)).toSorted(),
    )
  })

  test('as a restore give the old content or the new one', async () => {
    for (const journalMode of ['wal', 'delete'] as const) {
      const directory = temporaryDirectory()
      const path = join(directory, 'ledger.db')
      buildLedger(path, { commits: 20, journalMode })
      const database = protect(path)
      const { filename } = succeeded(await database.createBackup())
      const other = join(directory, 'other.db')
      buildLedger(other, { commits: 70, journalMode })
      const later = succeeded(await protect(other).createBackup()).backupPath
      const rowsOf = async (from: string): Promise<Record<string, number>> =>
        succeeded(await database.exportData({ from, includeSensitive: true })).tables as Record<
          string,
          number
        >
      const known = [await rowsOf(filename), await rowsOf(later)]
      for (let i = 0; i < 6; i++) {
        const [exported, restored] = await Promise.all([
          protect(path).exportData({ includeSensitive: true }),
          protect(path).restoreBackup(i % 2 === 0 ? later : filename, { confirm: true }),
        ])
        succeeded(restored)
        if (exported.success) expect(known).toContainEqual(exported.tables)
        else expect(['DATABASE_LOCKED', 'DATABASE_CHANGING']).toContain(exported.code)
      }
    }
  })
})

test('the database of a stopped export is as it was', async () => {
  const place = new Place('delete')
  const before = readFileSync(place.path)
  const controller = new AbortController()
  await place.export({ signal: controller.signal, onProgress: () => controller.abort() })
  expect(readFileSync(place.path)).toEqual(before)
})
