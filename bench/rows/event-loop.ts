import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchContext } from '../bench-context.ts'
import { must, startEngine } from '../contenders.ts'
import { atMost, type Group } from '../table.ts'

const NANOSECONDS_PER_MS = 1e6
const RESOLUTION_MS = 1

/** How late timers of the host fire while its database is backed up. */
export async function eventLoop(database: string, context: BenchContext): Promise<Group> {
  await startEngine(database, context)
  const backupDir = context.path('event-loop-backups')
  const backups = new context.product.Database({ path: database, backupDir })
  const idle: number[] = []
  const during: number[] = []
  for (let turn = 0; turn < context.options.runs; turn++) {
    idle.push(await p99(() => sleep(1_000)))
    during.push(await p99(async () => must(await backups.createBackup({ onProgress: () => {} }))))
    context.remove(backupDir)
  }
  return {
    id: 'event-loop',
    title: `p99 of the host's event-loop delay (resolution ${RESOLUTION_MS} ms, included)`,
    unit: 'ms',
    baseline: null,
    rows: [
      { name: 'idle', samples: idle },
      {
        name: 'during a backup through the library',
        samples: during,
        goals: [atMost(20, Math.max(...during), '', 'ms')],
      },
    ],
    notes: [],
  }
}

async function p99(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  await work()
  delay.disable()
  return delay.percentile(99) / NANOSECONDS_PER_MS
}
