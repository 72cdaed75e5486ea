/** In which order an export writes what and where, and what it never writes, as strace sees it. */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { type Call, changedBy, fromAndTo, pathOf, traceNode, writtenBy } from '../crash/trace.ts'
import { select } from '../faults/extent.ts'
import { flushBetween, isRename, writesTo } from '../faults/order.ts'
import { buildDatabase, openDatabase } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

const EXPORT = `
  import { writeSync } from 'node:fs'
  import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
  const [options, request] = process.argv.slice(1).map(text => JSON.parse(text))
  const result = await new Database(options).exportData(request)
  writeSync(1, result.success ? 'success\\n' : JSON.stringify(result))
  process.exit(0)
`

interface Traced {
  readonly calls: readonly Call[]
  /** The line at which success was being said. */
  readonly done: number
}

class Scene {
  readonly directory = temporaryDirectory()
  readonly path = join(this.directory, 'data', 'app.db')
  readonly backupDir = join(this.directory, 'backups')
  readonly out = join(this.directory, 'out')

  constructor(journalMode: 'wal' | 'delete') {
    mkdirSync(dirname(this.path))
    mkdirSync(this.out, { mode: 0o700 })
    const numbers = 'WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)'
    buildDatabase(
      this.path,
      `CREATE TABLE t (a, b); INSERT INTO t ${numbers} SELECT i, hex(randomblob(50)) FROM n; CREATE TABLE u (a PRIMARY KEY) WITHOUT ROWID; INSERT INTO u ${numbers} SELECT i FROM n`,
      { journalMode },
    )
  }

  export(request: object, engine: 'here' | 'process'): Traced {
    const options = { path: this.path, backupDir: this.backupDir, engine }
    const args = [
      '--input-type=module',
      '--eval',
      EXPORT,
      '--',
      JSON.stringify(options),
      JSON.stringify(request),
    ]
    const calls = traceNode(args, join(temporaryDirectory(), 'trace'))
    const success = calls.find(({ name, args: said }) => name === 'write' && /^1<.*"success\\n"/.test(said))
    expect(success).toBeDefined()
    return { calls, done: success?.entered ?? 0 }
  }
}

function isWork(path: string): boolean {
  return path.includes('/.chame-work-')
}

/** Whatever got its name was flushed before, and its directory after; returns the names. */
function expectDurable({ calls, done }: Traced): string[] {
  const named = calls.filter(
    call => isRename(call) && isWork(fromAndTo(call)[0]) && !isWork(fromAndTo(call)[1]),
  )
  for (const call of named) {
    const [from, to] = fromAndTo(call)
    const written = new Set(
      calls.map(writtenBy).filter(path => path === from || path?.startsWith(`${from}/`) === true),
    )
    expect(written.size).toBeGreaterThan(0)
    for (const path of written) {
      const lastWrite = Math.max(...writesTo(calls, path ?? '').map(({ returned }) => returned))
      expect(lastWrite, `${path} is written before it has its name`).toBeLessThan(call.entered)
      expect(flushBetween(calls, path ?? '', lastWrite, call.entered), `${path} before ${to}`).toBeDefined()
    }
    const isDirectory = statSync(to).isDirectory()
    if (isDirectory)
      expect(flushBetween(calls, from, 0, call.entered), `${from} before its name`).toBeDefined()
    expect(flushBetween(calls, dirname(to), call.returned, done), `${dirname(to)} after it`).toBeDefined()
  }
  for (const call of calls) {
    if (!call.name.startsWith('mkdir') || isWork(pathOf(call))) continue
    const path = pathOf(call)
    const isReplaced = named.some(each => fromAndTo(each)[1] === path)
    if (!isReplaced)
      expect(flushBetween(calls, dirname(path), call.returned, done), `${path} after mkdir`).toBeDefined()
  }
  return named.map(call => fromAndTo(call)[1])
}

/** Nothing but the places that are its own was opened for writing, made, renamed, removed or changed in mode. */
function expectInside({ calls }: Traced, scene: Scene, places: readonly string[]): void {
  const own = (path: string): boolean =>
    path === '/dev/null' ||
    [...places, process.env['NODE_V8_COVERAGE'] ?? scene.out].some(
      each => path === each || path.startsWith(`${each}/`),
    )
  expect([...new Set(calls.flatMap(changedBy))].filter(path => !own(path))).toEqual([])
}

function expectPrivate({ calls }: Traced, scene: Scene): void {
  const opened = new Set<string>()
  for (const call of calls) {
    const path = pathOf(call)
    const isOurs = path.startsWith(`${scene.out}/`) || path.startsWith(`${scene.backupDir}/`)
    if (!isOurs) continue
    if (call.name.startsWith('mkdir')) expect(call.args).toMatch(/, 0700$/)
    // A kernel copy of an image starts with the mode of what it copies, in a directory that is ours alone.
    // Only the first opening of a path may make the file, whatever a later one asks for.
    const isFirst = !opened.has(path)
    if (call.name === 'openat') opened.add(path)
    if (call.name === 'openat' && isFirst && call.args.includes('O_CREAT') && !/\.db(\.|$)/.test(path))
      expect(call.args, path).toMatch(/, 0?100600$|, 0600$/)
  }
  for (const directory of [scene.out, scene.backupDir].filter(existsSync)) {
    for (const name of filesBelow(directory)) {
      const stats = statSync(join(directory, name))
      expect(stats.mode & 0o777, name).toBe(stats.isDirectory() ? 0o700 : 0o600)
    }
  }
}

function expectUnwritten({ calls }: Traced, database: string): void {
  for (const suffix of ['', '-wal', '-journal']) expect(writesTo(calls, database + suffix)).toEqual([])
  expect(calls.some(call => call.name === 'openat' && pathOf(call) === database)).toBe(true)
}

const FORMS: readonly object[] = [
  { format: 'json' },
  { format: 'json', includeSensitive: true, compress: 'zstd' },
  { format: 'sql', includeSensitive: true },
  { format: 'csv' },
  { format: 'csv', zip: true },
  { format: 'parquet', includeSensitive: true },
  { format: 'json', salvage: true },
]

for (const journalMode of ['wal', 'delete'] as const) {
  for (const company of ['nobody', 'idle'] as const) {
    testWith(
      ['linux', 'strace'],
      `an export flushes all of it before it has its name, and never writes the database, in ${journalMode} mode, in use by ${company}`,
      () => {
        for (const [index, form] of select(FORMS, company === 'idle' ? 3 : FORMS.length).entries()) {
          const scene = new Scene(journalMode)
          const app = company === 'idle' ? openDatabase(scene.path, { journalMode }) : null
          app?.prepare('SELECT count(*) FROM t').get()
          const output = join(scene.out, 'export')
          const traced = scene.export({ ...form, output }, index % 2 === 0 ? 'here' : 'process')
          app?.close()
          expect(expectDurable(traced)).toEqual([output])
          expectPrivate(traced, scene)
          expectUnwritten(traced, scene.path)
          // Who opens a database in WAL mode alone makes its side files, and may remove them only as one who may write.
          const suffixes =
            journalMode === 'delete' ? [] : company === 'idle' ? ['-shm', '-wal'] : ['', '-shm', '-wal']
          expectInside(traced, scene, [
            scene.out,
            scene.backupDir,
            ...suffixes.map(suffix => scene.path + suffix),
          ])
        }
      },
      300_000,
    )
  }
}

testWith(
  ['linux', 'strace'],
  'an export to the place of our own choice makes it durable with all directories',
  () => {
    const scene = new Scene('wal')
    const traced = scene.export({ format: 'csv' }, 'here')
    const [path = ''] = expectDurable(traced)
    expect(dirname(path)).toBe(join(scene.backupDir, 'exports'))
    expectPrivate(traced, scene)
    expectUnwritten(traced, scene.path)
  },
)

testWith(
  ['linux', 'strace'],
  'what replaces another export is flushed before, and its directory after',
  () => {
    for (const format of ['json', 'csv']) {
      const scene = new Scene('wal')
      const output = join(scene.out, 'export')
      scene.export({ format, output }, 'here')
      const traced = scene.export({ format, output, force: true }, 'here')
      expect(expectDurable(traced)).toEqual([output])
      expect(filesBelow(scene.out).filter(name => !name.includes('/'))).toEqual(['export'])
    }
  },
)

testWith(
  ['linux', 'strace'],
  'a look for sensitive columns writes nothing, in a database that is in use',
  () => {
    const scene = new Scene('wal')
    const app = openDatabase(scene.path)
    app.prepare('SELECT count(*) FROM t').get()
    const script = EXPORT.replace('.exportData(request)', '.scanSensitive(request)')
    const args = [
      '--input-type=module',
      '--eval',
      script,
      '--',
      JSON.stringify({ path: scene.path, backupDir: scene.backupDir, engine: 'here' }),
      '{}',
    ]
    const calls = traceNode(args, join(temporaryDirectory(), 'trace'))
    app.close()
    expectUnwritten({ calls, done: 0 }, scene.path)
    expectInside({ calls, done: 0 }, scene, [`${scene.path}-shm`, `${scene.path}-wal`])
  },
)
