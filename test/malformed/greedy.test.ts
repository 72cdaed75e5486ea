/** What a database or an export may make its reader hold in memory, however little its author wrote. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Database, ErrorCode, Failure } from '../../src/index.ts'
import { descendantsOf } from '../crash/processes.ts'
import { isFull } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { leftoversIn } from '../restore/scene.ts'
import { protect } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { GREEDY, type Greed } from './greedy.ts'

/** Where SQLite refuses what is too large, or the schema is just large: the process itself is a fifth of that. */
const MODEST_MB = 600
/** At 1,024 a process is ended. It is looked at 20 times a second, and on a busy machine less often. */
const ENDED_MB = 2_500
/** A process that is ended takes its figures with it. */
const LOOK_EVERY_MS = 20
/** As long as a query may take. */
const LONG_MS = 30_000

/** What has no end, and is modest all the while, is ended by then. */
const STALL_AFTER_MS = 15_000

type Answer = ({ readonly success: true } & { readonly status?: unknown }) | Failure
type Operation = (database: Database, greed: Greed, directory: string) => Promise<Answer>

const OPERATIONS: Readonly<Record<string, Operation>> = {
  'create, unchecked': database => database.createBackup({ check: 'none' }),
  'create, quick check': database => database.createBackup({ check: 'quick' }),
  'create, full check': database => database.createBackup({ check: 'full' }),
  verify: database => database.verifyBackup('latest', { check: 'full' }),
  info: database => database.info(),
  'look inside': database => database.lookInside('latest'),
  rows: (database, { readable = 't' }) => database.readRows('latest', { table: readable }),
  query: (database, { readable = 't' }) =>
    database.queryBackup('latest', { sql: `SELECT * FROM ${readable}`, timeLimitMs: LONG_MS }),
  compare: database => database.compareBackups('latest'),
  export: (database, _, directory) =>
    database.exportData({ format: 'json', output: join(directory, 'export') }),
  import: (database, _, directory) =>
    database.importData({ from: join(directory, 'export'), to: join(directory, 'imported.db') }),
  restore: (database, _, directory) =>
    database.restoreBackup('latest', { to: join(directory, 'restored.db') }),
}
/** In every run of the tests these are left out, unless they are what is greedy. */
const MOSTLY_ALIKE: readonly string[] = ['create, quick check', 'info', 'export', 'import']

/** What says that it takes too much: of the file, of what was asked, or of the process that was ended. */
const REFUSALS: readonly ErrorCode[] = [
  'DATABASE_DAMAGED',
  'BACKUP_DAMAGED',
  'EXPORT_INVALID',
  'INVALID_ARGUMENT',
  'IO_FAILED',
  'ENGINE_FAILED',
  'QUERY_TIMED_OUT',
  'STALLED',
]

let runs = 0
let peakOfAllMb = 0

for (const [what, greed] of Object.entries(GREEDY).filter(([, { isSlow }]) => isFull || isSlow !== true)) {
  testWith(
    ['linux'],
    `no process holds more than it may of ${what}`,
    async () => {
      const directory = temporaryDirectory()
      const path = join(directory, 'data.db')
      greed.build(path)
      const config = join(directory, 'config.json')
      writeFileSync(config, JSON.stringify({ stallAfterMs: STALL_AFTER_MS }))
      const database = protect(path, { config })
      for (const [name, operation] of Object.entries(OPERATIONS)) {
        if (!isFull && isLeftOut(name, greed)) continue
        // What cannot be exported cannot be imported.
        if (name === 'import' && !existsSync(join(directory, 'export'))) continue
        const { answer, peakMb } = await watched(() => operation(database, greed, directory))
        const isGreedyHere = greed.endedAt?.includes(name) === true
        expect(peakMb, `${name}: MB`).toBeGreaterThan(0)
        expect(peakMb, `${name}: MB`).toBeLessThan(isGreedyHere ? ENDED_MB : MODEST_MB)
        expectTold(answer, name, isGreedyHere)
        runs++
        peakOfAllMb = Math.max(peakOfAllMb, peakMb)
      }
      expect(leftoversIn(dirname(path))).toEqual([])
      publish({
        group: 'Malformed databases',
        what: 'databases made to exhaust memory',
        count: runs,
        unit: 'runs',
        outcome: `each done, or refused with what to do; no process had more than ${Math.ceil(peakOfAllMb / 100) * 100} MB`,
      })
    },
    300_000,
  )
}

function isLeftOut(name: string, { endedAt = [], slowAt = [] }: Greed): boolean {
  const isWanted = endedAt.includes(name) || (name === 'export' && endedAt.includes('import'))
  return slowAt.includes(name) || (MOSTLY_ALIKE.includes(name) && !isWanted)
}

/** Done, or a typed error with what to do next. */
function expectTold(answer: Answer, name: string, isGreedyHere: boolean): void {
  if (isGreedyHere) expect(answer, name).toMatchObject({ success: false })
  if (answer.success) return
  expect(REFUSALS, `${name}: ${answer.code}: ${answer.message}`).toContain(answer.code)
  expect(answer.hint, `${name}: ${answer.message}`).toBeTruthy()
  if (isGreedyHere) expect(answer.message, name).toMatch(/memory|too big|too large|took longer|still busy/)
}

/** With the most that any of the product's processes had resident meanwhile. */
async function watched(work: () => Promise<Answer>): Promise<{ answer: Answer; peakMb: number }> {
  let peakMb = 0
  const look = (): void => {
    peakMb = Math.max(peakMb, ...descendantsOf(process.pid).map(residentMb))
  }
  await untilModest()
  const looking = setInterval(look, LOOK_EVERY_MS)
  try {
    const answer = await work()
    look()
    return { answer, peakMb }
  } finally {
    clearInterval(looking)
  }
}

/** Waits for those that were ended to be gone: the answer is there before. What was the most before is forgotten. */
async function untilModest(): Promise<void> {
  for (;;) {
    const pids = descendantsOf(process.pid)
    pids.forEach(forgetPeak)
    if (pids.every(pid => residentMb(pid) < MODEST_MB)) return
    await sleep(LOOK_EVERY_MS)
  }
}

/** Source: proc(5), clear_refs. */
function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // It has ended meanwhile.
  }
}

/** The most since then. 0 for one that has ended meanwhile. */
function residentMb(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}
