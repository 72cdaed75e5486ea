/** How long an application's commits take while it is being backed up, in WAL mode. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BenchContext } from '../bench-context.ts'
import type { CommitWriterTask } from '../commit-writer.ts'
import { must, startEngine } from '../contenders.ts'
import { copyDatabase } from '../make-database.ts'
import { quantile } from '../measure.ts'
import { atMost, type Group, type Row } from '../table.ts'

const WINDOW_MS = 3_000
/** Each round is one window without a backup and one with backups one after another. */
const ROUNDS_FACTOR = 2

export async function writers(database: string, context: BenchContext): Promise<Group> {
  const rows: Row[] = []
  for (const synchronous of ['NORMAL', 'FULL'] as const) {
    const path = context.path('written.db')
    copyDatabase(database, path)
    const latencies = await measureWriter(path, synchronous, context)
    context.remove(path)
    const [without, during] = [perRound(latencies.without), perRound(latencies.during)]
    const ratio = quantile(latencies.during.flat(), 0.99) / quantile(latencies.without.flat(), 0.99)
    rows.push(
      { name: `synchronous=${synchronous}, no backup`, samples: without, ratio: 1 },
      {
        name: `synchronous=${synchronous}, during backups`,
        samples: during,
        ratio,
        goals: [atMost(1.5, ratio, ' without a backup')],
      },
    )
  }
  return {
    id: 'writers',
    title: 'p99 latency of commits (WAL mode, one writer, 200 commits a second)',
    unit: 'ms',
    baseline: 'no backup',
    rows,
    notes: [
      'Median, least and most are of the p99 of each window of 3 s; the ratio is of the p99 of all commits together.',
    ],
  }
}

interface Latencies {
  readonly without: number[][]
  readonly during: number[][]
}

async function measureWriter(
  path: string,
  synchronous: CommitWriterTask['synchronous'],
  context: BenchContext,
): Promise<Latencies> {
  const backupDir = context.path('writers-backups')
  const backups = new context.product.Database({ path, backupDir })
  await startEngine(path, context)
  const writer = fork(fileURLToPath(new URL('../commit-writer.ts', import.meta.url)), {
    execArgv: ['--no-warnings'],
  })
  writer.send({ path, synchronous } satisfies CommitWriterTask)
  const latencies: Latencies = { without: [], during: [] }
  try {
    await sleep(500)
    for (let round = 0; round < context.options.runs * ROUNDS_FACTOR; round++) {
      await takeLatencies(writer)
      await sleep(WINDOW_MS)
      latencies.without.push(await takeLatencies(writer))
      const until = performance.now() + WINDOW_MS
      while (performance.now() < until) must(await backups.createBackup())
      latencies.during.push(await takeLatencies(writer))
      context.remove(backupDir)
      await sleep(1_000)
    }
    return latencies
  } finally {
    writer.kill()
    if (writer.exitCode === null) await once(writer, 'exit')
  }
}

/** Milliseconds of each commit since the last question. */
async function takeLatencies(writer: ChildProcess): Promise<number[]> {
  const answered = once(writer, 'message')
  writer.send('take')
  const [latencies] = (await answered) as [number[]]
  return latencies
}

function perRound(rounds: readonly number[][]): number[] {
  return rounds.map(latencies => quantile(latencies, 0.99))
}
