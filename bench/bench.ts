/** Measures the goals of docs/performance.md; prints one table and writes JSON to bench/results/. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type BenchContext, openContext } from './bench-context.ts'
import { makeDatabase } from './make-database.ts'
import { type Options, parseOptions, USAGE } from './options.ts'
import { blocks } from './rows/blocks.ts'
import { create, createWithoutSearch } from './rows/create.ts'
import { createFromRollbackMode, createFromWal } from './rows/create-modes.ts'
import { encodings } from './rows/encodings.ts'
import { eventLoop } from './rows/event-loop.ts'
import { exports } from './rows/export.ts'
import { exportMemory } from './rows/export-memory.ts'
import { manyDatabases } from './rows/many-databases.ts'
import { memory } from './rows/memory.ts'
import { memoryOfEncodings } from './rows/memory-encodings.ts'
import { restoreMissing, restoreOver } from './rows/restore.ts'
import { restorePoints } from './rows/restore-points.ts'
import { server } from './rows/server.ts'
import { small } from './rows/small.ts'
import { writers } from './rows/writers.ts'
import { writeSections } from './sections.ts'
import { type Group, renderTerminal } from './table.ts'

const ON_LARGE = {
  create,
  'create-no-fts': createWithoutSearch,
  'create-wal': createFromWal,
  'create-rollback': createFromRollbackMode,
  encodings,
  restore: restoreOver,
  'restore-missing': restoreMissing,
  writers,
  'event-loop': eventLoop,
  export: exports,
  blocks,
  'memory-encodings': memoryOfEncodings,
} as const
const ON_OWN = {
  small,
  many: manyDatabases,
  'restore-points': restorePoints,
  memory,
  'export-memory': exportMemory,
  server,
} as const

const options = parseOptions(process.argv.slice(2))
if (options === null) process.stdout.write(USAGE)
else await main(options)

async function main(options: Options): Promise<void> {
  refuseUnknown(options.only)
  const startedAt = new Date()
  const context = await openContext(options)
  const groups = await measureGroups(context)
  process.stdout.write(`${describeRun(options)}\n${renderTerminal(groups)}\n`)
  const results = fileURLToPath(new URL('results', import.meta.url))
  mkdirSync(results, { recursive: true })
  const file = `${results}/${startedAt.toISOString().replaceAll(/[:.]/g, '-')}.json`
  writeFileSync(file, `${JSON.stringify({ startedAt, options, machine: machine(), groups }, null, 2)}\n`)
  process.stdout.write(`\nWritten to ${file}\n`)
  if (options.markdown !== null) {
    writeSections(
      options.markdown,
      groups,
      `${startedAt.toISOString().slice(0, 10)}; ${describeRun(options)}`,
    )
  }
}

async function measureGroups(context: BenchContext): Promise<Group[]> {
  const { only, sizeBytes } = context.options
  const isWanted = ([id]: readonly [string, unknown]): boolean => only.length === 0 || only.includes(id)
  const groups: Group[] = []
  const onLarge = Object.entries(ON_LARGE).filter(isWanted)
  if (onLarge.length > 0) {
    const database = context.path('chame.db')
    makeDatabase(database, sizeBytes, context)
    for (const [id, measureGroup] of onLarge) {
      context.say(`  ${id}`)
      groups.push(...[await measureGroup(database, context)].flat())
    }
    context.remove(database)
  }
  for (const [id, measureGroup] of Object.entries(ON_OWN).filter(isWanted)) {
    context.say(`  ${id}`)
    groups.push(await measureGroup(context))
  }
  return groups
}

function refuseUnknown(only: readonly string[]): void {
  const known = [...Object.keys(ON_LARGE), ...Object.keys(ON_OWN)]
  const unknown = only.filter(id => !known.includes(id))
  if (unknown.length > 0) throw new Error(`Unknown row ${unknown.join(', ')}; known: ${known.join(', ')}`)
}

function machine(): Readonly<Record<string, string | number>> {
  const [cpu] = cpus()
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
    sqlite: process.versions['sqlite'] ?? '',
  }
}

function describeRun({ sizeBytes, runs }: Options): string {
  const { cpu, cores, memoryBytes, node, sqlite } = machine()
  const megabytes = (bytes: number): string => Math.round(bytes / (1 << 20)).toLocaleString('en-US')
  return `${megabytes(sizeBytes)} MB, median of ${runs}; ${cores} × ${cpu}, ${megabytes(Number(memoryBytes))} MB memory; Node ${node}, its SQLite ${sqlite}`
}
