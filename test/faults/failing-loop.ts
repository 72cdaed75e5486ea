/** Lets one call of an operation after another fail, in every way that it can; or a selection of them. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import { expect } from 'vitest'
import { isFull, randomFrom, SEED, select } from './extent.ts'
import type { Failing } from './failing-product.ts'
import { Attack, type Attacked, type Looped, readJson } from './failing-run.ts'
import { KINDS } from './failing-table.ts'
import { publish } from './figures.ts'
import type { SeenCall } from './shim.ts'

export interface Loop extends Attacked {
  readonly name: string
  /** How many of its runs a selection draws at random; without it the selection is spread over every kind of call. */
  readonly drawn?: number
}

const RECORD = fileURLToPath(new URL('./recorded/failing.json', import.meta.url))
/** Only counts, and records: `UPDATE_POINTS=1 npx vitest run test/faults/failing- --no-file-parallelism`. */
const isRecording = process.env['UPDATE_POINTS'] === '1'
/** Threads and processes interleave differently from run to run: a lock is tried once more, two reads become one. */
const TOLERANCE = 0.02
/** Of the calls of each kind, the one in the middle fails in each way when not all do. */
const SELECTED = 1
/** The engine in a child makes the same calls as here: so many runs are drawn from all. */
const DRAWN_OF_CHILD = 20
/** So many runs of a selection are drawn from those with an errno that is rare. */
const RARE_SELECTED = 2
/** Where a call is the last, or only the first time made, a run may end without it. */
const MISSED_MAX = 0.05

/** Lets every call of every kind fail in every way that it can, once and from then on; asserts that all went right. */
export async function failEveryCall(loop: Loop): Promise<void> {
  const attack = await Attack.prepare(loop)
  const undisturbed = await attack.runUndisturbed()
  const series = seriesOf(undisturbed)
  if (isRecording) return record(nameOf(loop), possibleOf(series))
  const tried = isFull ? await runAll(series, attack) : await runSelected(selectedOf(series, loop), attack)
  const looped = tried.filter(({ isHit }) => isHit)
  expect([...new Set(looped.flatMap(({ violations }) => violations))]).toEqual([])
  holdToRecord(loop, possibleOf(series), looped.length)
  // What fails nothing finds nothing.
  if (!isFull) expect(looped.length).toBeGreaterThanOrEqual(Math.max(1, tried.length * (1 - MISSED_MAX) - 1))
  publishLoops(loop, looped)
}

/** Each series until it goes beyond the last call. */
async function runAll(all: readonly Series[], attack: Attack): Promise<readonly Looped[]> {
  const tried: Looped[] = []
  for (const { failing } of all) {
    for (let at = 1; ; at++) {
      const looped = await attack.runFailing({ ...failing, at })
      if (!looped.isHit) break
      tried.push(looped)
    }
  }
  return tried
}

async function runSelected(selected: readonly Failing[], attack: Attack): Promise<readonly Looped[]> {
  const tried: Looped[] = []
  for (const failing of selected) tried.push(await attack.runFailing(failing))
  return tried
}

interface Series {
  readonly failing: Omit<Failing, 'at'>
  /** The number of such calls in an undisturbed run. */
  readonly count: number
  readonly isRare: boolean
}

function seriesOf(undisturbed: readonly SeenCall[]): Series[] {
  return KINDS.flatMap(({ calls, errnos, rare = [] }) => {
    const count = undisturbed.filter(({ call }) => calls.includes(call)).length
    return [...errnos, ...rare].flatMap(errno =>
      [false, true].map(isSticky => ({
        count,
        failing: { calls, errno, isSticky },
        isRare: !errnos.includes(errno),
      })),
    )
  })
}

function possibleOf(series: readonly Series[]): number {
  return series.reduce((sum, { count }) => sum + count, 0)
}

/** What a selection runs: a call of each kind, in every way, and some ways that are rare; or a few of all. */
function selectedOf(series: readonly Series[], loop: Loop): readonly Failing[] {
  if (loop.drawn !== undefined) return draw(series, loop.drawn, loop)
  const usual = series.filter(({ isRare }) => !isRare)
  if (loop.engine === 'process') return draw(series, DRAWN_OF_CHILD, loop)
  return [
    ...usual.flatMap(({ count, failing }) => chosen(count).map(at => ({ ...failing, at }))),
    ...draw(
      series.filter(({ isRare }) => isRare),
      RARE_SELECTED,
      loop,
    ),
  ]
}

/** So many runs, by the seed and the name of the loop: each of another series, as long as there are enough. */
function draw(series: readonly Series[], count: number, loop: Loop): readonly Failing[] {
  const random = randomFrom(SEED + crc32(nameOf(loop)))
  const left = series.filter(each => each.count > 0)
  const drawn: Failing[] = []
  while (drawn.length < count && left.length > 0) {
    for (const each of left.splice(Math.floor(random() * left.length), 1)) {
      drawn.push({ ...each.failing, at: 1 + Math.floor(random() * each.count) })
    }
  }
  return drawn
}

/** Fewer loops than were recorded mean that the harness has lost its grip. */
function holdToRecord(loop: Loop, possible: number, hits: number): void {
  const name = nameOf(loop)
  const recorded = Number(readJson(RECORD)[name] ?? Number.POSITIVE_INFINITY)
  const least = recorded * (1 - TOLERANCE)
  expect(possible, `loops of "${name}", recorded: ${recorded}`).toBeGreaterThanOrEqual(least)
  if (isFull) expect(hits, `loops run of "${name}"`).toBeGreaterThanOrEqual(least)
}

function record(name: string, possible: number): void {
  const sorted = Object.entries({ ...readJson(RECORD), [name]: possible }).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  )
  writeFileSync(RECORD, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`)
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

function chosen(count: number): readonly number[] {
  const all = Array.from({ length: count }, (_, index) => index + 1)
  return select(all, SELECTED)
}
