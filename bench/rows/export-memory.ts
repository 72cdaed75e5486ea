/** Peak memory of the processes of an export, of a table that is all blobs. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BenchContext } from '../bench-context.ts'
import type { HostTask } from '../memory-host.ts'
import { childrenOf, peakMegabytes, togetherMegabytes } from '../process-memory.ts'
import { atMost, type Group, type Row } from '../table.ts'

const LIMIT_MB = 150
const SIZE_BYTES = 500 << 20
const QUICK_BYTES = 100 << 20
const BLOB_SIZES = [50_000, 1_000_000]
const FORMATS = ['json', 'ndjson', 'csv', 'sql', 'parquet'] as const
/** The processes that read rows end with the export, so they are looked at while it runs. */
const LOOK_EVERY_MS = 20

export async function exportMemory(context: BenchContext): Promise<Group> {
  const sizeBytes = context.options.isQuick ? QUICK_BYTES : SIZE_BYTES
  const rows: Row[] = []
  for (const blobBytes of BLOB_SIZES) {
    const database = context.path('export-memory.db')
    makeBlobs(database, sizeBytes, blobBytes)
    for (const format of FORMATS) {
      context.say(`    ${format}, blobs of ${blobBytes} bytes`)
      const peaks = await peaksOf({ operation: 'export', format, database }, context)
      for (const [process, megabytes] of Object.entries(peaks)) {
        rows.push({
          name: `${format}, blobs of ${blobBytes / 1000} kB: ${process}`,
          samples: [megabytes],
          goals: [atMost(LIMIT_MB, megabytes, '', 'MB')],
        })
      }
    }
    context.remove(database)
  }
  return {
    id: 'export-memory',
    title: `Peak memory of an export of ${sizeBytes >> 20} MB of blobs in one table`,
    unit: 'MB',
    baseline: null,
    rows,
    notes: [
      'VmHWM of /proc: the most that was resident at any time, shared pages included. Random blobs.',
      'Together: the engine and all SQLite processes, what they share counted once; the most that was seen.',
    ],
  }
}

interface Peaks {
  readonly engine: number
  readonly 'largest SQLite process': number
  readonly together: number
}

async function peaksOf(task: Omit<HostTask, 'library' | 'backupDir'>, context: BenchContext): Promise<Peaks> {
  const host = fork(fileURLToPath(new URL('../memory-host.ts', import.meta.url)), {
    execArgv: ['--no-warnings'],
  })
  const backupDir = context.path('export-memory-backups')
  const answer = once(host, 'message') as Promise<[string]>
  host.send({ ...task, backupDir, library: context.options.dist } satisfies HostTask)
  let [engine, sqlite, together] = [0, 0, 0]
  const look = (): void => {
    const engines = childrenOf(host.pid ?? -1)
    engine = Math.max(engine, ...engines.map(peakMegabytes))
    const below = engines.flatMap(childrenOf)
    sqlite = Math.max(sqlite, ...below.map(peakMegabytes))
    together = Math.max(together, togetherMegabytes([...engines, ...below]))
  }
  try {
    let isDone = false
    const done = answer.finally(() => (isDone = true))
    done.catch(() => {}) // Awaited below.
    while (!isDone) {
      look()
      await sleep(LOOK_EVERY_MS)
    }
    const [message] = await done
    if (message !== 'done') throw new Error(message)
    return { engine, 'largest SQLite process': sqlite, together }
  } finally {
    host.kill()
    context.remove(backupDir)
  }
}

function makeBlobs(path: string, sizeBytes: number, blobBytes: number): void {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF')
  database.exec(
    'CREATE TABLE files (id INTEGER PRIMARY KEY, name TEXT NOT NULL, content BLOB NOT NULL); BEGIN',
  )
  const insert = database.prepare("INSERT INTO files (name, content) VALUES ('a file', randomblob(?))")
  for (let done = 0; done < sizeBytes; done += blobBytes) insert.run(blobBytes)
  database.exec('COMMIT; PRAGMA journal_mode = WAL')
  database.close()
}
