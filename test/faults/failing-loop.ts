/** Runs an operation again and again while one call after another fails, and judges each run and the next. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { leftoversIn, type Scene } from '../restore/scene.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { isFull, select } from './extent.ts'
import { type Failing, FailingProduct } from './failing-product.ts'
import { examineFor, judge, withoutChance } from './failing-judge.ts'
import { KINDS } from './failing-table.ts'
import type { Job } from './failing-worker.ts'
import { publish } from './figures.ts'
import { Place, prepareStart, type Start } from './matrix.ts'
import type { Scenario } from './matrix-scenarios.ts'
import { type Before, lookBetween } from './oracle-before.ts'
import type { SeenCall } from './shim.ts'

export interface Loop {
  readonly name: string
  readonly scenario: Scenario
  readonly operation: Job['operation']
  readonly engine: 'here' | 'process'
}

interface Looped {
  readonly failing: Failing
  readonly result: string
  readonly isHit: boolean
  readonly violations: readonly string[]
}

const RECORD = fileURLToPath(new URL('./recorded/failing.json', import.meta.url))
/** Threads and processes interleave differently from run to run: a lock is tried once more, two reads become one. */
const TOLERANCE = 0.02
/** So many calls of each kind fail in each way when not all do, for each place of the engine. */
const SELECTED = 2
/** Short against a test's patience, long against the work of any of these operations. */
const WAIT_FOR_LOCK_MS = 2_000

/** Lets every call of every kind fail in every way that it can, once and from then on; asserts that all went right. */
export async function failEveryCall(loop: Loop): Promise<void> {
  const start = await prepareStart(loop.scenario)
  const place = new Place('kill')
  const product = new FailingProduct(place.scene.directory)
  const job = jobFor(loop, place.scene)
  const undisturbed = await runUndisturbed(product, place, start, job)
  const looped: Looped[] = []
  for (const series of seriesOf(undisturbed)) {
    for (const at of isFull ? countUp() : chosen(series.count, loop.engine)) {
      const run = await runFailing(product, place, start, job, { ...series.failing, at })
      if (run.isHit) looped.push(run)
      else if (isFull) break
    }
  }
  expect([...new Set(looped.flatMap(({ violations }) => violations))]).toEqual([])
  holdToRecord(loop, undisturbed, looped.length)
  publishLoops(loop, looped)
}

/** Once to start all processes, then once more: from then on nothing is opened for the first time. */
async function runUndisturbed(
  product: FailingProduct,
  place: Place,
  start: Start,
  job: Job,
): Promise<readonly SeenCall[]> {
  place.reset(start)
  await product.run(job)
  place.reset(start)
  const { answer, calls } = await product.run(job)
  expect(answer).toMatchObject({ success: true })
  return calls
}

interface Series {
  readonly failing: Omit<Failing, 'at'>
  /** The number of such calls in an undisturbed run. */
  readonly count: number
}

function seriesOf(undisturbed: readonly SeenCall[]): Series[] {
  return KINDS.flatMap(({ calls, errnos }) => {
    const count = undisturbed.filter(({ call }) => calls.includes(call)).length
    return errnos.flatMap(errno =>
      [false, true].map(isSticky => ({ count, failing: { calls, errno, isSticky } })),
    )
  })
}

async function runFailing(
  product: FailingProduct,
  place: Place,
  start: Start,
  job: Job,
  failing: Failing,
): Promise<Looped> {
  const { scene } = place
  place.reset(start)
  const outcome = await product.run(job, failing)
  const hit = outcome.calls.find(({ isHit }) => isHit)
  if (hit === undefined) return { failing, result: '', isHit: false, violations: [] }
  const { result, state, violations } = judge(scene, start.before, job.operation, failing, outcome)
  const between = lookBetween(scene, start.before, state)
  const next = await problemsOfNext(product, scene, between, state, job)
  const { errno, isSticky, at } = failing
  const where = `${errno} at ${hit.call} number ${at}${isSticky ? ' and on' : ''} (${hit.path})`
  return {
    failing,
    result,
    isHit: true,
    violations: [...violations, ...next].map(violation => withoutChance(`${where}: ${violation}`, scene)),
  }
}

/** The next run succeeds as if nothing had been, and leaves nothing. */
async function problemsOfNext(
  product: FailingProduct,
  scene: Scene,
  between: Before,
  state: string,
  job: Job,
): Promise<string[]> {
  // What is there is never overwritten by an import, and was found to be whole.
  if (job.operation === 'import' && state === 'complete') return []
  const { answer } = await product.run(job)
  if (answer?.success !== true) return [`the next run: ${answer?.code}: ${answer?.message}`]
  const { violations } = examineFor(scene, between, job.operation, 'success')
  const isCleaning = ['create', 'restore', 'export', 'import'].includes(job.operation)
  const left = isCleaning ? leftoversIn(scene.directory).map(path => `left behind: ${path}`) : []
  return [...violations, ...left].map(violation => `after the next run: ${violation}`)
}

function jobFor({ operation, engine, scenario }: Loop, scene: Scene): Job {
  const { databasePath, backupDir } = scene
  // Beside the scene, so that nothing of it fails.
  const config = join(temporaryDirectory(), 'chame-backup.config.json')
  writeFileSync(config, JSON.stringify({ waitForLockMs: WAIT_FOR_LOCK_MS }))
  return {
    operation,
    order: scenario.order?.(scene) ?? {},
    options: { path: databasePath, backupDir, engine, config },
  }
}

/** Fewer loops than were recorded mean that the harness has lost its grip. `UPDATE_POINTS=1` records anew. */
function holdToRecord(loop: Loop, undisturbed: readonly SeenCall[], hits: number): void {
  const name = nameOf(loop)
  const possible = seriesOf(undisturbed).reduce((sum, { count }) => sum + count, 0)
  const recorded: Record<string, number> = existsSync(RECORD)
    ? (JSON.parse(readFileSync(RECORD, 'utf8')) as Record<string, number>)
    : {}
  if (process.env['UPDATE_POINTS'] === '1') {
    const sorted = Object.entries({ ...recorded, [name]: possible }).toSorted(([a], [b]) => (a < b ? -1 : 1))
    writeFileSync(RECORD, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`)
    return
  }
  const least = (recorded[name] ?? Number.POSITIVE_INFINITY) * (1 - TOLERANCE)
  expect(possible, `loops of "${name}", recorded: ${recorded[name]}`).toBeGreaterThanOrEqual(least)
  if (isFull) expect(hits, `loops run of "${name}"`).toBeGreaterThanOrEqual(least)
}

function publishLoops(loop: Loop, looped: readonly Looped[]): void {
  const results = Map.groupBy(looped, ({ result }) => (result === 'success' ? 'succeeded' : result))
  const counts = [...results].toSorted(([, a], [, b]) => b.length - a.length)
  const outcome = [...counts.map(([result, list]) => `${list.length} ${result}`), '0 wrong'].join(', ')
  publish({ group: 'Failing calls', what: nameOf(loop), count: looped.length, unit: 'runs', outcome })
}

function nameOf({ name, engine }: Loop): string {
  return `${name}, ${engine === 'here' ? 'engine in process' : 'engine in a child'}`
}

function* countUp(): Generator<number> {
  for (let n = 1; ; n++) yield n
}

/** The first and the last with the engine in process, two from the middle third with the engine in a child. */
function chosen(count: number, engine: Loop['engine']): readonly number[] {
  const all = Array.from({ length: count }, (_, index) => index + 1)
  const isInner = engine === 'process'
  return select(isInner ? all.slice(Math.floor(count / 3), Math.ceil((2 * count) / 3)) : all, SELECTED)
}
