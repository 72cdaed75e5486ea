import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

export const USAGE = `Usage: npm run bench -- [options]

Measures the product beside cp, sqlite3, restic and node:sqlite, in one run on one machine.

Options:
  --mb <n>           megabytes of the database (default: 1024)
  --memory-mb <n>    megabytes of the large database of the memory rows (default: 10240)
  --databases <n>    databases of the row \`many\` (default: 10000)
  --runs <n>         timed runs of each contender; the table has their median (default: 5)
  --only <ids>       only these rows, separated by commas
  --quick            100 MB, 3 runs: to see that it works, not to quote
  --markdown <file>  also write these rows into the tables of a Markdown file that has marks for them
  --dir <directory>  where to make the files (default: the system's temporary directory)
  --dist <directory> the build to measure (default: dist)
  --help             show this help
`

export interface Options {
  readonly sizeBytes: number
  readonly memorySizeBytes: number
  readonly databases: number
  readonly runs: number
  /** Empty for all. */
  readonly only: readonly string[]
  readonly isQuick: boolean
  readonly markdown: string | null
  readonly directory: string
  readonly dist: string
}

const MEGABYTE = 1 << 20

/** Null when only help is wanted. */
export function parseOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      mb: { type: 'string' },
      'memory-mb': { type: 'string' },
      databases: { type: 'string' },
      runs: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      markdown: { type: 'string' },
      dir: { type: 'string' },
      dist: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const isQuick = values.quick
  return {
    sizeBytes: wholeNumber('--mb', values.mb, isQuick ? 100 : 1024) * MEGABYTE,
    memorySizeBytes: wholeNumber('--memory-mb', values['memory-mb'], isQuick ? 300 : 10_240) * MEGABYTE,
    databases: wholeNumber('--databases', values.databases, isQuick ? 200 : 10_000),
    runs: wholeNumber('--runs', values.runs, isQuick ? 3 : 5),
    only: values.only?.split(',') ?? [],
    isQuick,
    markdown: values.markdown ?? null,
    directory: values.dir ?? tmpdir(),
    dist: values.dist ?? 'dist',
  }
}

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  throw new Error(`${name} must be a whole number above 0, not ${text}`)
}
