/** What a database of 1 MB costs: in a test suite, and on the command line. */
import { pathToFileURL } from 'node:url'
import type * as helpers from '../../src/testing/index.ts'
import type { BenchContext } from '../bench-context.ts'
import { run } from '../command.ts'
import { must } from '../contenders.ts'
import { makeDatabase } from '../make-database.ts'
import { type Contender, measure, median, type Samples } from '../measure.ts'
import { atMost, type Goal, type Group } from '../table.ts'

const RUNS_FACTOR = 5
const WARM_UP_RUNS = 5
const CLI = 'chame-backup create, start to finish'
const CYCLE = 'chame-backup/testing: save, restore, discard'

export async function small(context: BenchContext): Promise<Group> {
  const database = context.path('small.db')
  makeDatabase(database, 1 << 20, context)
  const contenders = [
    libraryCreate(database, context),
    ...(await cycle(database, context)),
    ...cli(database, context),
    node(),
  ]
  for (let i = 0; i < WARM_UP_RUNS; i++) for (const contender of contenders) await contender.run()
  const results = await measure(
    contenders,
    { sizeBytes: 0, runs: context.options.runs * RUNS_FACTOR },
    context,
  )
  const goals: Readonly<Record<string, (medianMs: number) => Goal>> = {
    [CLI]: medianMs => atMost(250, medianMs, '', 'ms'),
    [CYCLE]: medianMs => atMost(15, medianMs, '', 'ms'),
  }
  context.remove(context.path('small-backups'))
  return {
    id: 'small',
    title: 'A database of 1 MB',
    unit: 'ms',
    baseline: null,
    rows: results.map(result => withGoal(result, goals[result.name])),
    notes: [
      ...(context.cli === null ? ['This build has no command line program: its row was skipped.'] : []),
      ...(context.testing === null ? ['This build has no testing helpers: their row was skipped.'] : []),
    ],
  }
}

function withGoal({ name, samples }: Samples, goal?: (medianMs: number) => Goal): Group['rows'][number] {
  return { name, samples, goals: goal === undefined ? [] : [goal(median(samples))] }
}

function libraryCreate(database: string, context: BenchContext): Contender {
  const backups = new context.product.Database({ path: database, backupDir: context.path('small-backups') })
  return {
    name: 'createBackup() of the library, once warm',
    run: async () => must(await backups.createBackup()),
  }
}

function cli(database: string, context: BenchContext): Contender[] {
  const { cli: program } = context
  if (program === null) return []
  const args = [program, 'create', '--path', database, '--backup-dir', context.path('small-backups')]
  return [{ name: CLI, run: () => run(process.execPath, args) }]
}

/** What a start of the runtime alone takes. */
function node(): Contender {
  return { name: 'node -e 0', run: () => run(process.execPath, ['-e', '0']) }
}

/** What `restoreAfterEach` does around one test. */
async function cycle(database: string, { testing }: BenchContext): Promise<Contender[]> {
  if (testing === null) return []
  const { saveDatabase } = (await import(pathToFileURL(testing).href)) as typeof helpers
  return [
    {
      name: CYCLE,
      run: async () => {
        await using saved = await saveDatabase(database)
        await saved.restore()
      },
    },
  ]
}
