/** The tests of the crash matrix, one for each attack. */
import { testWith } from '../support/requirements.ts'
import { isFull } from './extent.ts'
import type { Attack, Crash } from './matrix.ts'
import type { FileSystem } from './matrix-disk.ts'
import { isRecording, runMatrix } from './matrix-points.ts'
import type { Scenario } from './matrix-scenarios.ts'
import { SHIM_NEEDS } from './shim.ts'

/** Some hundred points of a second each, on a machine that has other things to do. */
export const MATRIX_MS_MAX = 3_600_000

/** What a test must ask for that crashes something in this way. */
export function needsOf(crash: Crash): readonly string[] {
  return crash === 'kill' ? SHIM_NEEDS : [...SHIM_NEEDS, 'root', 'mount', `mkfs.${crash}`]
}

export interface TestOptions {
  /** What else it needs. */
  readonly needs?: readonly string[]
  /** How many points are visited when not all are. Default: as many as `runMatrix` takes. */
  readonly selected?: number
}

export function killTest(
  what: string,
  scenario: Attack['scenario'],
  engine: Attack['engine'],
  { needs = [], selected }: TestOptions = {},
): void {
  testWith(
    [...needsOf('kill'), ...needs],
    `${what} that is killed at any system call does no harm, and the next one succeeds (${where(engine)})`,
    () => runMatrix({ scenario, engine, crash: 'kill' }, selected),
    MATRIX_MS_MAX,
  )
}

export function powerCutTest(
  what: string,
  scenario: Attack['scenario'],
  engine: Attack['engine'],
  disk: FileSystem,
  { needs = [], selected }: TestOptions = {},
): void {
  testWith(
    [...needsOf(disk), ...needs],
    `${what} is whole or as before after a power cut at any system call, and done once it says so (${where(engine)}, ${disk})`,
    () => runMatrix({ scenario, engine, crash: disk }, selected),
    MATRIX_MS_MAX,
  )
}

/** A full run makes every attack; a selection the first of each scenario, at so many points. */
const SELECTED_OF_FIRST = 2

/** All attacks on a scenario of which a selection makes the first alone. */
export function attackTests(
  what: string,
  scenario: Scenario,
  attacks: readonly Pick<Attack, 'engine' | 'crash'>[],
  needs: readonly string[] = [],
): void {
  const options = { needs, selected: SELECTED_OF_FIRST }
  for (const { engine, crash } of isFull || isRecording ? attacks : attacks.slice(0, 1)) {
    if (crash === 'kill') killTest(what, scenario, engine, options)
    else powerCutTest(what, scenario, engine, crash, options)
  }
}

function where(engine: Attack['engine']): string {
  return engine === 'here' ? 'engine in process' : 'engine in a child'
}
