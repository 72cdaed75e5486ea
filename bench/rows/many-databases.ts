/** One round of a configuration with many small databases in one backup directory, of which one in a hundred has changed. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../src/index.ts'
import type { BenchContext } from '../bench-context.ts'
import { must } from '../contenders.ts'
import { measure, median } from '../measure.ts'
import { atMost, type Group } from '../table.ts'

const CHANGED_ONE_IN = 100
/** For each 10,000 databases. */
const ROUND_MS_MAX = 60_000
const ROUND_OF = 10_000
const SETTLE_MS = 3_500
const ROUND = 'a round of backups'

export async function manyDatabases(context: BenchContext): Promise<Group> {
  const { databases: count } = context.options
  const directory = context.path('many')
  const paths = makeDatabases(directory, count)
  const backupDir = join(directory, 'backups')
  const databases = Object.fromEntries(paths.map((path, number) => [`d${number}`, { path }]))
  const jobs = { weekly: false, cleanup: false, drill: false } as const
  const config: Config = { backupDir, encoding: 'blocks', databases, schedule: { jobs } }
  const file = join(directory, 'chame-backup.config.json')
  writeFileSync(file, JSON.stringify(config))
  const scheduler = new context.product.Scheduler({ config: file })
  const round = async (): Promise<void> => {
    const { status } = must(await scheduler.runOnce('daily'))
    if (status !== 'succeeded') throw new Error('a backup has failed')
  }
  await sleep(SETTLE_MS)
  context.say(`    the first backup of ${count} databases …`)
  await round()
  const results = await measure(
    [{ name: ROUND, before: () => change(paths), run: round }],
    { sizeBytes: 0, runs: context.options.isQuick ? 2 : 3 },
    context,
  )
  context.remove(directory)
  const goal = (ROUND_MS_MAX * count) / ROUND_OF
  return {
    id: 'many',
    title: `${count} databases of 60 kB, one in ${CHANGED_ONE_IN} changed`,
    unit: 'ms',
    baseline: null,
    rows: results.map(({ name, samples }) => ({
      name,
      samples,
      goals: [atMost(goal, median(samples), '', 'ms')],
    })),
    notes: [
      'One run of the job `daily` by the scheduler, from reading the configuration to its last state, with the default check; one database after another, the next while the last is noted in the audit log.',
    ],
  }
}

function makeDatabases(directory: string, count: number): string[] {
  mkdirSync(directory, { recursive: true })
  const first = join(directory, '0.db')
  const connection = new DatabaseSync(first)
  connection.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
    INSERT INTO notes SELECT i, hex(randomblob(60)) FROM n;
  `)
  connection.close()
  const others = Array.from({ length: count - 1 }, (_, number) => join(directory, `${number + 1}.db`))
  for (const path of others) copyFileSync(first, path)
  return [first, ...others]
}

function change(paths: readonly string[]): void {
  for (let number = 0; number < paths.length; number += CHANGED_ONE_IN) {
    const connection = new DatabaseSync(paths[number] ?? '')
    connection.exec("UPDATE notes SET text = text || 'x' WHERE id = abs(random()) % 400 + 1")
    connection.close()
  }
}
