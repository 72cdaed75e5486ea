/** Runs an attack at its points, and holds their number to the record. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { isFull, select } from './extent.ts'
import { type Figure, publish } from './figures.ts'
import { type Attack, Place, prepareStart, type Start, strike, type Struck } from './matrix.ts'
import { CALLS, type SeenCall } from './shim.ts'

const RECORD = fileURLToPath(new URL('./recorded/points.json', import.meta.url))
/** Only counts, and records: `UPDATE_POINTS=1 npx vitest run test/faults/matrix --no-file-parallelism`. */
export const isRecording: boolean = process.env['UPDATE_POINTS'] === '1'
/** Threads and processes interleave differently from run to run: a lock is tried once more, two reads become one. */
const TOLERANCE = 0.02
const TOLERANCE_MIN = 3

/** So many points of each attack are visited when not all are. */
const SELECTED = 3
const TURNS: readonly string[] = [...CALLS.rename, ...CALLS.fsync, ...CALLS.name]
/** So often a full run cuts the power right after the answer. */
const AFTER_ANSWER = 5

/** Crashes an attack's operation at its points; asserts that nothing is wrong anywhere and publishes how many there were. */
export async function runMatrix(attack: Attack, count: number = SELECTED): Promise<void> {
  const place = new Place(attack.crash)
  const start = await prepareStart(attack.scenario)
  const struck = isRecording
    ? [await strike(attack, start, place, 'none')]
    : await strikeAll(attack, start, place, count)
  expect(struck.flatMap(({ violations }) => violations)).toEqual([])
  const hits = struck.filter(({ isHit }) => isHit)
  holdToRecord(nameOf(attack), struck[0]?.calls.length ?? 0)
  if (!isRecording && !isFull) expectStruck(struck)
  if (isFull) holdToRecord(nameOf(attack), hits.filter(({ point }) => point !== 'answer').length)
  if (!isRecording) publishAs(attack.crash === 'kill' ? 'Kill' : 'Power cut', nameOf(attack), hits)
}

/**
 * Every point of a full run, a selection otherwise, and, of a disk, right after the answer. The first tells what calls
 * there are: it is nowhere, or, in a selection, right after the answer.
 */
export async function strikeAll(
  attack: Attack,
  start: Start,
  place: Place,
  count: number = SELECTED,
): Promise<Struck[]> {
  const isCutAtOnce = attack.crash !== 'kill' && !isFull
  const whole = await strike(attack, start, place, isCutAtOnce ? 'answer' : 'none')
  const points = pointsOf(whole.calls, count)
  const struck = [whole]
  for (const point of points) struck.push(await strike(attack, start, place, point))
  // A run may make a call or two more than the one that was counted.
  for (let point = whole.calls.length + 1; isFull && struck.at(-1)?.isHit === true; point++) {
    struck.push(await strike(attack, start, place, point))
  }
  if (attack.crash === 'kill' || isCutAtOnce) return struck
  for (let i = 0; i < AFTER_ANSWER; i++) struck.push(await strike(attack, start, place, 'answer'))
  return struck
}

/** What was chosen was struck: a harness that hits nothing finds nothing. A run may end a call before the last that was counted. */
export function expectStruck(struck: readonly Struck[]): void {
  const chosen = struck.filter(({ point }) => point !== 'none')
  const hits = chosen.filter(({ isHit }) => isHit)
  expect(hits.length, `of ${chosen.length} chosen points so many were struck`).toBeGreaterThanOrEqual(
    Math.max(1, chosen.length - 1),
  )
}

/** All of them, or `count`: half spread evenly, half at the calls on which the order of things turns. */
function pointsOf(calls: readonly SeenCall[], count: number): number[] {
  const all = calls.map((_, index) => index + 1)
  const turns = all.filter(point => TURNS.includes(calls[point - 1]?.call ?? ''))
  const selected = new Set([...select(all, Math.ceil(count / 2)), ...select(turns, Math.floor(count / 2))])
  return all.filter(point => isFull || selected.has(point))
}

export function nameOf({ scenario, engine, crash }: Attack): string {
  const where = engine === 'here' ? 'engine in process' : 'engine in a child'
  return `${scenario.name}, ${where}${crash === 'kill' ? '' : `, ${crash}`}`
}

/** What became of the operation, and how often: "3 absent, 9 complete". */
export function publishAs(group: Figure['group'], what: string, hits: readonly Struck[]): void {
  const states = Map.groupBy(hits, ({ state }) => state)
  const afterAnswer = hits.filter(({ point }) => point === 'answer').length
  const outcome = [
    ...[...states].map(([state, struck]) => `${struck.length} ${state}`),
    ...(afterAnswer === 0 ? [] : [`${afterAnswer} of them right after the answer`]),
    `${hits.filter(({ violations }) => violations.length > 0).length} wrong`,
  ]
  publish({ group, what, count: hits.length, unit: 'points', outcome: outcome.join(', ') })
}

/** Fewer points than were recorded mean that the harness has lost its grip. */
function holdToRecord(name: string, points: number): void {
  const recorded = JSON.parse(readFileSync(RECORD, 'utf8')) as Record<string, number>
  if (isRecording) {
    const updated = Object.entries({ ...recorded, [name]: points }).toSorted(([a], [b]) => (a < b ? -1 : 1))
    writeFileSync(RECORD, `${JSON.stringify(Object.fromEntries(updated), null, 2)}\n`)
    return
  }
  const expected = recorded[name] ?? Number.POSITIVE_INFINITY
  const tolerance = Math.max(TOLERANCE_MIN, expected * TOLERANCE)
  expect(points, `points of "${name}", recorded: ${recorded[name]}`).toBeGreaterThanOrEqual(
    expected - tolerance,
  )
}
