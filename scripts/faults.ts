/** Runs the whole fault harness, if need be in parts, and writes its figures into docs/reliability.md. */
import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, release, tmpdir, type } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Figure } from '../test/faults/figures.ts'
import { attackingTests } from './attacking-tests.ts'
import { FaultsRun } from './faults-run.ts'
import { mergeTables, parseTables, printTables, tableOf } from './figure-tables.ts'
import { readBetweenMarks, writeBetweenMarks } from './write-between-marks.ts'

const USAGE = `Usage: npm run faults -- [options]

Attacks every operation in every way that the harness knows, and writes what came of it into the tables
of docs/reliability.md. Takes many hours on two cores: stop it when you like, and let it go on with --resume. Root and
a few packages are needed for all of it (.ci/run installs them), and what is skipped for want of them is printed.

Options:
  --only <text>        only the test files whose path contains it, such as "soak"; several with commas. Its figures
                       take the place of the same ones in the tables, and leave the others as they are
  --resume             go on with the run that was begun last without --only: leaves out the tests that have passed
  --seed <n>           what random choices follow from (default: the current second)
  --selection          the selection that \`npm test\` runs, in some twenty-five minutes
  --soak-minutes <n>   how long the soak runs (default: 30, of a selection 3)
  --no-table           leave docs/reliability.md as it is
  --help               show this help
`

const PAGE = 'docs/reliability.md'
/** What is kept of a run that may go on; not of one of single files. */
const KEPT = '.faults'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    resume: { type: 'boolean', default: false },
    seed: { type: 'string' },
    selection: { type: 'boolean', default: false },
    'soak-minutes': { type: 'string' },
    table: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
})
if (values.help) process.stdout.write(USAGE)
else if (values.resume) process.exitCode = resume()
else if (values.only === undefined) process.exitCode = run(begin(KEPT, null))
else {
  const directory = mkdtempSync(join(tmpdir(), 'chame-faults-'))
  try {
    process.exitCode = run(begin(directory, values.only))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function begin(directory: string, only: string | null): FaultsRun {
  const { selection: isSelection, seed = String(Math.floor(Date.now() / 1000)) } = values
  const soakMinutes = values['soak-minutes'] ?? (isSelection ? '3' : '30')
  return FaultsRun.begin(directory, { seed, isSelection, soakMinutes, only })
}

function resume(): number {
  const options = ['seed', 'soak-minutes', 'selection'] as const
  const given = options.find(name => values[name] !== undefined && values[name] !== false)
  const kept = given === undefined ? FaultsRun.resume(KEPT) : null
  if (kept !== null) return run(kept)
  console.error(
    given === undefined
      ? 'There is no run to go on with: begin one with npm run faults'
      : `--resume goes on as the run was begun: leave out --${given}`,
  )
  return 2
}

function run(faults: FaultsRun): number {
  execFileSync(process.execPath, ['scripts/build.ts'], { stdio: 'inherit' })
  const { pattern, environment } = faults
  console.log(`Seed ${faults.extent.seed}`)
  const files = faults.filesLeft(values.only === undefined ? attackingTests('.') : testsNamed(values.only))
  const vitest = [
    'node_modules/vitest/vitest.mjs',
    'run',
    ...files,
    '--reporter=default',
    '--reporter=./scripts/passed-tests.ts',
    ...(pattern === null ? [] : ['--testNamePattern', pattern]),
  ]
  const env = { ...process.env, ...environment }
  // Without any it would run all there are.
  const { status } =
    files.length === 0 ? { status: 0 } : spawnSync(process.execPath, vitest, { stdio: 'inherit', env })
  if (status === 0 && (values.only ?? null) === faults.extent.only) faults.markWhole()
  const figures = faults.readFigures()
  for (const [group, rows] of figures) {
    console.log(`\n${group}`)
    for (const row of rows) console.log(`  ${row.what}: ${row.count} ${row.unit}: ${row.outcome}`)
  }
  console.log(`\n${faults.describe()}`)
  // A run that failed is no claim; its figures stand above, for whoever mends it.
  if (status === 0 && values.table) writeTables(figures, faults)
  return status ?? 1
}

/** The test files whose paths contain any of the words, between which are commas. */
function testsNamed(only: string): readonly string[] {
  const words = only.split(',')
  const files = globSync('test/**/*.test.ts').filter(path => words.some(word => path.includes(word)))
  if (files.length === 0) throw new Error(`No test file has ${only} in its path`)
  return files.toSorted()
}

/** Each group has its own place on the page. What a run was not of stays there, unless it was of everything. */
function writeTables(figures: ReadonlyMap<Figure['group'], readonly Figure[]>, faults: FaultsRun): void {
  const about =
    `${faults.describe()}; Node ${process.version}, its SQLite ${process.versions['sqlite']}; ` +
    `${type()} ${release()}, ${cpus().length} cores`
  for (const [group, rows] of figures) {
    const earlier = faults.isOfEverything ? [] : parseTables(readBetweenMarks(PAGE, group))
    writeBetweenMarks(PAGE, group, printTables(mergeTables(earlier, tableOf(about, rows))))
  }
  if (figures.size > 0) execFileSync(process.execPath, ['node_modules/oxfmt/bin/oxfmt', PAGE])
}
