/** Peak memory of each process of the product, on a small database and on a large one. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { BenchContext } from '../bench-context.ts'
import { makeBlobDatabase } from '../make-database.ts'
import type { HostTask } from '../memory-host.ts'
import { childrenOf, peakMegabytes } from '../process-memory.ts'
import { atMost, type Group, type Row } from '../table.ts'

const SMALL_BYTES = 100 << 20
const LIMIT_MB = 150
/** The source, the backup, and the pre_restore backup or the WAL of a restore. */
const DISK_FACTOR = 3.2

export interface Peaks {
  readonly engineMb: number
  readonly sqliteMb: number
}

export async function memory(context: BenchContext): Promise<Group> {
  const { memorySizeBytes } = context.options
  const notes = [
    'VmHWM of /proc: the most that was resident at any time, shared pages included. Blobs of zeros.',
  ]
  const hasRoom = context.freeBytes() > memorySizeBytes * DISK_FACTOR
  if (!hasRoom)
    notes.push(`The large rows were skipped: they need ${DISK_FACTOR} times their size free on the disk.`)
  const rows: Row[] = []
  for (const sizeBytes of hasRoom ? [SMALL_BYTES, memorySizeBytes] : [SMALL_BYTES]) {
    const size = `${Math.round(sizeBytes / (1 << 20)).toLocaleString('en-US')} MB`
    const database = context.path('memory.db')
    makeBlobDatabase(database, sizeBytes)
    for (const operation of ['create', 'restore'] as const) {
      context.say(`    ${operation} of ${size}`)
      const peaks = await peaksOf({ operation, database, backupDir: context.path('memory-backups') }, context)
      for (const [process, megabytes] of [
        ['engine', peaks.engineMb],
        ['SQLite', peaks.sqliteMb],
      ] as const) {
        rows.push({
          name: `${operation}, ${size}: ${process} process`,
          samples: [megabytes],
          goals: [atMost(LIMIT_MB, megabytes, '', 'MB')],
        })
      }
    }
    context.remove(database)
    context.remove(context.path('memory-backups'))
  }
  return { id: 'memory', title: 'Peak memory of each process', unit: 'MB', baseline: null, rows, notes }
}

/** In a host of its own, so that its engine processes are new and nobody else's. */
export async function peaksOf(task: Omit<HostTask, 'library'>, context: BenchContext): Promise<Peaks> {
  const host = fork(fileURLToPath(new URL('../memory-host.ts', import.meta.url)), {
    execArgv: ['--no-warnings'],
  })
  host.send({ ...task, library: context.options.dist } satisfies HostTask)
  try {
    const [message] = (await once(host, 'message')) as [string]
    if (message !== 'done') throw new Error(message)
    return readPeaks(host)
  } finally {
    host.kill()
  }
}

/** The engine is the host's child, the SQLite process the engine's. */
function readPeaks(host: ChildProcess): Peaks {
  const engines = childrenOf(host.pid ?? -1)
  const peak = (pids: readonly number[]): number => Math.max(...pids.map(peakMegabytes))
  return { engineMb: peak(engines), sqliteMb: peak(engines.flatMap(childrenOf)) }
}
