/**
 * Memory does not grow with the data: the blobs alone are a hundred megabytes, and in the forms that they are written
 * in two hundred. `npm run bench` measures larger ones, against what docs/performance.md says.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect } from 'vitest'
import type { DataExported, DataImported, ExportDataRequest, Failure } from '../../src/index.ts'
import { descendantsOf } from '../crash/processes.ts'
import { isFull } from '../faults/extent.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import type { HostTask } from './memory-host.ts'

/** What each process of an export may have resident. */
const LIMIT_MB = 150
/** Buffers of what is decompressed gather until V8 collects them. */
const COMPRESSED_LIMIT_MB = 200
/** A value stands in memory as text, as bytes and as SQLite has it, several of them until V8 collects them. */
const IMPORT_LIMIT_MB = 250
const BLOBS_BYTES = 100 << 20
/** Blobs of which many fit into a piece of work, and such as are larger than one. */
const BLOB_SIZES = [50_000, 2_000_000]
const ROWS = 50_000
/** The processes that read rows end with the export, so they are looked at while it runs. */
const LOOK_EVERY_MS = 20

interface Form extends ExportDataRequest {
  /** Of what is encoded with zstd, which has to be decoded as a whole. */
  readonly from?: 'latest'
}

/** Each has a part that the others have not. */
const SELECTED: readonly Form[] = [
  { format: 'json', redact: { 'people.name': 'hash' } },
  { format: 'csv', zip: true, includeSensitive: true },
  { format: 'sql', compress: 'zstd', includeSensitive: true, from: 'latest' },
]
const ALL: readonly Form[] = [
  ...SELECTED,
  ...(['json', 'ndjson', 'csv', 'sql', 'parquet'] as const).flatMap((format): Form[] => [
    { format },
    { format, includeSensitive: true },
  ]),
  ...(['json', 'ndjson', 'csv', 'sql'] as const).flatMap((format): Form[] => [
    { format, compress: 'zstd' },
    { format, compress: 'gzip' },
    { format, salvage: true },
  ]),
  { format: 'json', pretty: true },
  { format: 'json', redact: { 'files.content': 'hash' } },
  { format: 'json', redact: { 'files.content': 'fake' } },
  { format: 'parquet', zip: true },
  { format: 'parquet', redact: { 'people.name': 'fake' } },
  { format: 'csv', from: 'latest' },
]
const FORMS = isFull ? ALL : SELECTED
/** What is imported again. */
const IMPORTED: ReadonlySet<string | undefined> = new Set(
  isFull ? ['json', 'ndjson', 'csv', 'sql'] : ['csv', 'sql'],
)

let directory: string
let path: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'chame-test-'))
  path = join(directory, 'app.db')
  build(path)
  succeeded((await watched({ name: 'back up' })).result)
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

function build(file: string): void {
  using connection = new DatabaseSync(file)
  connection.exec(`PRAGMA journal_mode = off; PRAGMA synchronous = off; BEGIN;
    CREATE TABLE files (id INTEGER PRIMARY KEY, name TEXT NOT NULL, content BLOB NOT NULL);
    CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, password TEXT NOT NULL, born INTEGER)`)
  // What cannot be compressed takes long to try.
  const content = isFull ? 'randomblob' : 'zeroblob'
  const insert = connection.prepare(`INSERT INTO files (name, content) VALUES (?, ${content}(?))`)
  for (const size of BLOB_SIZES)
    for (let bytes = 0; bytes < BLOBS_BYTES / BLOB_SIZES.length; bytes += size)
      insert.run(`file ${bytes}`, size)
  connection.exec(`WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
    INSERT INTO people SELECT i, printf('Somebody %d', i), hex(i * 7919), 1900 + i % 100 FROM n;
    COMMIT; PRAGMA journal_mode = wal`)
}

for (const form of FORMS) {
  const isImported = IMPORTED.has(form.format)
  const also = isImported ? ', and its import' : ''
  testWith(['linux'], `no process holds all of the data: export ${JSON.stringify(form)}${also}`, async () => {
    const output = join(directory, 'export')
    const limitMb = form.from === undefined ? LIMIT_MB : COMPRESSED_LIMIT_MB
    await expectWithin(limitMb, { name: 'export', request: { ...form, output } })
    if (isImported) {
      const to = join(directory, 'new.db')
      await expectWithin(IMPORT_LIMIT_MB, { name: 'import', request: { from: output, to } })
      rmSync(to)
    }
    rmSync(output, { recursive: true })
  })
}

type Task = HostTask extends infer Each ? (Each extends HostTask ? Omit<Each, 'options'> : never) : never

async function expectWithin(limitMb: number, task: Task): Promise<void> {
  const { result, peakMb } = await watched(task)
  expect(succeeded(result as DataExported | DataImported | Failure).tables).toMatchObject({ people: ROWS })
  expect(peakMb).toBeGreaterThan(0)
  expect(peakMb).toBeLessThan(limitMb)
}

/** With the most that any process had resident which does the work for a host of its own. */
async function watched(
  task: Task,
): Promise<{ result: { readonly success: true } | Failure; peakMb: number }> {
  const host = fork(fileURLToPath(new URL('memory-host.ts', import.meta.url)), {
    execArgv: ['--no-warnings'],
  })
  let peakMb = 0
  const look = (): void => {
    peakMb = Math.max(peakMb, ...descendantsOf(host.pid ?? 0).map(peakOf))
  }
  const looking = setInterval(look, LOOK_EVERY_MS)
  try {
    host.send({ ...task, options: { path, backupDir: join(directory, 'backups') } })
    const [result] = (await once(host, 'message')) as [{ readonly success: true } | Failure]
    look()
    return { result, peakMb }
  } finally {
    clearInterval(looking)
    host.kill()
  }
}

/** 0 for a process that has ended meanwhile. */
function peakOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}
