/** Runs the whole fault harness and writes its figures into docs/reliability.md. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, release, tmpdir, type } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Figure } from '../test/faults/figures.ts'
import { writeBetweenMarks } from './write-between-marks.ts'

const USAGE = `Usage: npm run faults -- [options]

Attacks every operation in every way that the harness knows, and writes what came of it into the tables
of docs/reliability.md. Takes an hour or two on two cores; root and a few packages are needed for all of
it (.ci/run installs them), and what is skipped for want of them is printed.

Options:
  --only <text>        only the test files whose path contains it, such as "soak"; several with commas
  --seed <n>           what random choices follow from (default: the current second)
  --selection          the selection that \`npm test\` runs, in a quarter of an hour
  --soak-minutes <n>   how long the soak runs (default: 30, of a selection 3)
  --no-table           leave docs/reliability.md as it is
  --help               show this help
`

/** Where the harness lives, and what elsewhere is drawn at random, or is too long for every run of the tests. */
const PLACES = [
  'test/faults',
  'test/crash',
  'test/malformed',
  'test/disks',
  'test/soak',
  ...['memory', 'no-secret-salvage', 'redact-plan-property', 'round-trip'].map(
    name => `test/export/${name}.test.ts`,
  ),
]
const PAGE = 'docs/reliability.md'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000)) },
    selection: { type: 'boolean', default: false },
    'soak-minutes': { type: 'string' },
    table: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
})
if (values.help) process.stdout.write(USAGE)
else process.exitCode = run()

function run(): number {
  execFileSync(process.execPath, ['scripts/build.ts'], { stdio: 'inherit' })
  const directory = mkdtempSync(join(tmpdir(), 'chame-figures-'))
  try {
    console.log(`Seed ${values.seed}`)
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...(values.only?.split(',') ?? PLACES)]
    const { status } = spawnSync(process.execPath, vitest, {
      stdio: 'inherit',
      env: {
        ...process.env,
        FAULTS: values.selection ? 'selection' : 'all',
        FAULT_SEED: values.seed,
        FAULT_SOAK_MINUTES: values['soak-minutes'] ?? (values.selection ? '3' : '30'),
        FAULT_FIGURES: directory,
      },
    })
    const figures = readFigures(directory)
    for (const [group, rows] of figures) {
      console.log(`\n${group}`)
      for (const row of rows) console.log(`  ${row.what}: ${row.count} ${row.unit}: ${row.outcome}`)
    }
    // A run that failed is no claim; its figures stand above, for whoever mends it.
    if (status === 0 && values.table) writeTables(figures)
    return status ?? 1
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function readFigures(directory: string): Map<Figure['group'], Figure[]> {
  const files = readdirSync(directory).toSorted()
  const figures = files.map(name => JSON.parse(readFileSync(join(directory, name), 'utf8')) as Figure)
  return Map.groupBy(figures, ({ group }) => group)
}

/** Each group has its own place on the page, so that a run of one leaves the others' figures as they are. */
function writeTables(figures: ReadonlyMap<Figure['group'], readonly Figure[]>): void {
  const day = new Date().toISOString().slice(0, 10)
  const about =
    `${day}, ${values.selection ? 'a selection' : 'everything'}, seed ${values.seed}; Node ${process.version}, its SQLite ${process.versions['sqlite']}; ` +
    `${type()} ${release()}, ${cpus().length} cores`
  for (const [group, rows] of figures) {
    const lines = rows.map(
      ({ what, count, unit, outcome }) =>
        `| ${what} | ${count.toLocaleString('en-US')} ${unit} | ${outcome} |`,
    )
    writeBetweenMarks(PAGE, group, [about, '', '| | | |', '| --- | --: | --- |', ...lines].join('\n'))
  }
  if (figures.size > 0) execFileSync(process.execPath, ['node_modules/oxfmt/bin/oxfmt', PAGE])
}
