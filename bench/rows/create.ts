import { statSync } from 'node:fs'
import type { BenchContext } from '../bench-context.ts'
import * as contenders from '../contenders.ts'
import { CP, SQLITE_BACKUP } from '../contenders.ts'
import { copyWithoutSearch } from '../make-database.ts'
import { measure, median, type Samples } from '../measure.ts'
import { atLeast, atMost, type Goal, type Group } from '../table.ts'

const NONE = 'chame-backup create, check none'
const QUICK = 'chame-backup create, check quick'

export async function create(database: string, context: BenchContext): Promise<Group> {
  await contenders.startEngine(database, context)
  const results = await measure(
    [
      contenders.cp(database, context),
      contenders.createBackup(database, 'none', context),
      contenders.createBackup(database, 'quick', context),
      ...(context.hasSqlite
        ? [contenders.sqliteBackup(database, context), contenders.vacuumInto(database, context)]
        : []),
      contenders.nodeBackup(database, context),
      ...(context.hasRestic ? [contenders.restic(database, context)] : []),
    ],
    { sizeBytes: context.options.sizeBytes, warm: [database], runs: context.options.runs },
    context,
  )
  return {
    id: 'create',
    title: 'Backup of a database in WAL mode, everything checkpointed',
    unit: 'ms',
    baseline: CP,
    rows: withRatios(results, CP, {
      [NONE]: ({ ratioTo }) => [
        atMost(1.6, ratioTo(CP), ` ${CP}`),
        ...(context.hasSqlite
          ? [atLeast(2, 1 / ratioTo(SQLITE_BACKUP), `faster than ${SQLITE_BACKUP}`)]
          : []),
      ],
      [QUICK]: ({ ratioTo }) =>
        context.hasSqlite ? [atMost(1, ratioTo(SQLITE_BACKUP), ` ${SQLITE_BACKUP}`)] : [],
    }),
    notes: [
      'chame-backup also makes a SHA-256; with check quick the stored file is read back: checksum and quick_check.',
      ...(context.hasSqlite ? [] : ['sqlite3 is not installed: its rows were skipped.']),
      ...(context.hasRestic ? [] : ['restic is not installed: its row was skipped.']),
    ],
  }
}

/** The default check where the database has no full-text index. */
export async function createWithoutSearch(database: string, context: BenchContext): Promise<Group> {
  const path = context.path('without-search.db')
  copyWithoutSearch(database, path)
  try {
    await contenders.startEngine(path, context)
    const results = await measure(
      [
        contenders.cp(path, context),
        contenders.createBackup(path, 'quick', context),
        ...(context.hasSqlite ? [contenders.sqliteBackup(path, context)] : []),
      ],
      { sizeBytes: context.options.sizeBytes, warm: [path], runs: context.options.runs },
      context,
    )
    const size = Math.round(statSync(path).size / (1 << 20))
    return {
      id: 'create-no-fts',
      title: `The same without its FTS5 index (${size} MB)`,
      unit: 'ms',
      baseline: CP,
      rows: withRatios(results, CP, {
        [QUICK]: ({ ratioTo }) =>
          context.hasSqlite ? [atMost(1, ratioTo(SQLITE_BACKUP), ` ${SQLITE_BACKUP}`)] : [],
      }),
      notes: [
        'Since SQLite 3.44 quick_check also compares an FTS5 index with its text, which takes longest of all.',
      ],
    }
  } finally {
    context.remove(path)
  }
}

export interface Reached {
  /** The row's median over that of another. */
  readonly ratioTo: (name: string) => number
  readonly medianMs: number
}

/** Rows with their ratio to `baseline`, and the goals of those that have some. */
export function withRatios(
  results: readonly Samples[],
  baseline: string,
  goals: Readonly<Record<string, (reached: Reached) => readonly Goal[]>> = {},
): Group['rows'] {
  const medianOf = (name: string): number =>
    median(results.find(result => result.name === name)?.samples ?? [])
  if (!results.some(result => result.name === baseline)) return results
  return results.map(({ name, samples }) => {
    const medianMs = median(samples)
    const ratioTo = (other: string): number => medianMs / medianOf(other)
    return { name, samples, ratio: ratioTo(baseline), goals: goals[name]?.({ ratioTo, medianMs }) ?? [] }
  })
}
