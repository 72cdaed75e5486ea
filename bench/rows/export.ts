/** Exports of everything, sensitive columns and shadow tables too, beside those who write the same. */
import type { BenchContext } from '../bench-context.ts'
import { isInstalled } from '../command.ts'
import { startEngine } from '../contenders.ts'
import { exportData, sqliteDump, sqliteMode, sqliteUtils, type TextFormat } from '../export-contenders.ts'
import { type Contender, measure } from '../measure.ts'
import { atLeast, atMost, type Group } from '../table.ts'
import { withRatios } from './create.ts'

/** One core of two is busy meanwhile; `sqlite-utils` needs minutes, and its median is no closer for more of them. */
const SLOW_RUNS = 1

interface Comparison {
  readonly format: TextFormat
  readonly title: string
  readonly others: readonly Contender[]
  /** Whom the goal is about. */
  readonly baseline: string
  readonly notes: readonly string[]
}

export async function exports(database: string, context: BenchContext): Promise<Group[]> {
  await startEngine(database, context)
  const groups: Group[] = []
  for (const comparison of comparisons(database, context)) {
    context.say(`  export, ${comparison.format}`)
    groups.push(await compare(database, comparison, context))
  }
  return groups
}

function comparisons(database: string, context: BenchContext): Comparison[] {
  const { hasSqlite } = context
  const mode = (format: 'csv' | 'json', areBlobsWhole: boolean): Contender =>
    sqliteMode(database, format, { areBlobsWhole }, context)
  return [
    {
      format: 'sql',
      title: 'Export as SQL',
      others: hasSqlite ? [sqliteDump(database, context)] : [],
      baseline: 'sqlite3 .dump',
      notes: [],
    },
    {
      format: 'csv',
      title: 'Export as CSV',
      others: hasSqlite ? [mode('csv', false), mode('csv', true)] : [],
      baseline: 'sqlite3 .mode csv',
      notes: [
        '.mode csv cuts each blob at its first NUL and writes next to nothing of it; "blobs whole" selects quote(blob).',
      ],
    },
    {
      format: 'json',
      title: 'Export as JSON',
      others: hasSqlite ? [mode('json', false)] : [],
      baseline: 'sqlite3 .mode json',
      notes: [],
    },
  ]
}

async function compare(
  database: string,
  { format, title, others, baseline, notes }: Comparison,
  context: BenchContext,
): Promise<Group> {
  const { sizeBytes, runs } = context.options
  const ours = exportData(database, format, context)
  const options = { sizeBytes, warm: [database], runs }
  const results = await measure([ours, ...others], options, context)
  const hasUtils = isInstalled('sqlite-utils', '--version')
  const utils = sqliteUtils(database, format, context)
  if (hasUtils) results.push(...(await measure([utils], { ...options, runs: SLOW_RUNS }, context)))
  const has = (name: string): boolean => results.some(result => result.name === name)
  const reference = has(baseline) ? baseline : ours.name
  return {
    id: `export-${format}`,
    title,
    unit: 'ms',
    baseline: reference,
    rows: withRatios(results, reference, {
      [ours.name]: ({ ratioTo }) => [
        ...others.map(({ name }) => atMost(1, ratioTo(name), ` ${name}`)),
        ...(hasUtils ? [atLeast(3, 1 / ratioTo(utils.name), 'faster than sqlite-utils')] : []),
      ],
    }),
    notes: [
      ...notes,
      ...(context.hasSqlite ? [] : ['sqlite3 is not installed: its rows were skipped.']),
      ...(hasUtils
        ? [`sqlite-utils was run once.`]
        : ['sqlite-utils is not installed: its row was skipped.']),
    ],
  }
}
