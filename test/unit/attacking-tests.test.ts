/** What `npm run faults` runs, and what it publishes. */
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { attackingTests } from '../../scripts/attacking-tests.ts'
import { FaultsRun } from '../../scripts/faults-run.ts'
import { mergeTables, parseTables, printTables, tableOf } from '../../scripts/figure-tables.ts'
import type { Figure } from '../faults/figures.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

test('a run of all faults takes in every test of killed processes, full disks, bad lines and damage', () => {
  const attacking = attackingTests(ROOT)
  const named = globSync('test/**/*{killed,full-disk,damage,stopped,hostile,races}*.test.ts', { cwd: ROOT })
  expect(named.length).toBeGreaterThan(20)
  expect(attacking).toEqual(expect.arrayContaining(named))
  const reaching = [
    'test/off-site/sftp-lines.test.ts',
    'test/storage/s3.test.ts',
    'test/storage/local.test.ts',
    'test/audit/processes.test.ts',
    'test/drill/stopped.test.ts',
    'test/retention/half-deleted.test.ts',
    'test/export/memory.test.ts',
    'test/export/redact-plan-property.test.ts',
  ]
  expect(attacking).toEqual(expect.arrayContaining(reaching))
  expect(attacking.filter(path => path.startsWith('test/faults/'))).toEqual(
    globSync('test/faults/*.test.ts', { cwd: ROOT }).toSorted(),
  )
})

test('a run of all faults leaves out what attacks nothing', () => {
  const attacking = attackingTests(ROOT)
  const harmless = ['test/cli/docs.test.ts', 'test/unit/names.test.ts', 'test/schedule/cron.test.ts']
  expect(attacking.filter(path => harmless.includes(path))).toEqual([])
})

test('a test is an attack for what it uses by way of another file, however that is reached', () => {
  const root = temporaryDirectory()
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  put('test/a/uses.test.ts', "import { b } from '../b/one.ts'")
  put('test/a/starts.test.ts', "const RUN = fileURLToPath(new URL('../b/program.ts', import.meta.url))")
  put('test/a/harmless.test.ts', "import { c } from '../b/none.ts'")
  put('test/b/one.ts', "export { b } from './two.ts'")
  put('test/b/two.ts', "child.kill('SIGKILL')")
  put('test/b/program.ts', "process.kill(process.pid, 'SIGKILL')")
  put('test/b/none.ts', 'export const c = 1')
  expect(attackingTests(root)).toEqual(['test/a/starts.test.ts', 'test/a/uses.test.ts'])
})

test('a run that is gone on with leaves out the files whose tests have all passed, and in others those that have', () => {
  const run = FaultsRun.begin(join(temporaryDirectory(), 'run'), {
    seed: '1',
    isSelection: true,
    soakMinutes: '1',
    only: null,
  })
  const noted = [
    ['test/whole.test.ts', 'first', true],
    ['test/whole.test.ts', 'second (xfs)', true],
    ['test/part.test.ts', 'third', true],
    ['test/part.test.ts', 'fourth', false],
    ['test/part.test.ts', 'first', false],
  ] as const
  const notes = noted.map(([file, name, isPassed]) => JSON.stringify({ file, name, isPassed }))
  writeFileSync(run.environment['FAULT_TESTS'] ?? '', `${notes.join('\n')}\n`)
  expect(run.filesLeft(['test/new.test.ts', 'test/part.test.ts', 'test/whole.test.ts'])).toEqual([
    'test/new.test.ts',
    'test/part.test.ts',
  ])
  const pattern = new RegExp(run.pattern ?? '')
  expect(['first', 'third', 'fourth', 'never seen'].filter(name => pattern.test(name))).toEqual([
    'first',
    'fourth',
    'never seen',
  ])
})

function figureOf(what: string, count: number, outcome: string): Figure {
  return { group: 'Kill', what, count, unit: 'points', outcome }
}

test('a run of a few tests takes the place of its own rows in a table, and leaves the others below the run they are of', () => {
  const whole = tableOf('2026-01-01, everything, seed 1', [
    figureOf('create', 1_200, '1,200 absent, 0 wrong'),
    figureOf('restore, ext4', 7, '7 old, 0 wrong'),
  ])
  const other = tableOf('2026-02-02, everything of restore, seed 2', [
    figureOf('restore, ext4', 8, '8 old, 0 wrong'),
  ])
  const merged = mergeTables([whole], other)
  expect(merged).toEqual([other, { ...whole, rows: whole.rows.slice(0, 1) }])
  expect(
    mergeTables(merged, tableOf('later', [figureOf('create', 1, 'x')])).map(({ about }) => about),
  ).toEqual(['later', '2026-02-02, everything of restore, seed 2'])
})

test('the tables of the page are read as they were written', () => {
  const page = readFileSync(join(ROOT, 'docs/reliability.md'), 'utf8')
  const between = [...page.matchAll(/<!-- (.+):begin -->(.*)<!-- \1:end -->/gs)].map(
    ([, , text = '']) => text,
  )
  expect(between.length).toBeGreaterThan(5)
  for (const text of between) {
    const tables = parseTables(text)
    expect(parseTables(printTables(tables))).toEqual(tables)
    const rows = tables.flatMap(each => each.rows)
    expect(rows.length).toBe(text.split('\n').filter(line => /^\| [^| -]/.test(line)).length)
    expect(rows.filter(({ figure, outcome }) => !/^[\d,]+ \w+$/.test(figure) || outcome === '')).toEqual([])
  }
})
