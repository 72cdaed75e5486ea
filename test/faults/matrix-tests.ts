/** The tests of the crash matrix, one for each attack. */
import { testWith } from '../support/requirements.ts'
import type { Attack, Crash } from './matrix.ts'
import type { FileSystem } from './matrix-disk.ts'
import { runMatrix } from './matrix-points.ts'
import { SHIM_NEEDS } from './shim.ts'

/** Some hundred points of a second each, on a machine that has other things to do. */
export const MATRIX_MS_MAX = 3_600_000

/** What a test must ask for that crashes something in this way. */
export function needsOf(crash: Crash): readonly string[] {
  return crash === 'kill' ? SHIM_NEEDS : [...SHIM_NEEDS, 'root', 'mount', `mkfs.${crash}`]
}

export function killTest(what: string, scenario: Attack['scenario'], engine: Attack['engine']): void {
  testWith(
    needsOf('kill'),
    `${what} that is killed at any system call does no harm, and the next one succeeds (${where(engine)})`,
    () => runMatrix({ scenario, engine, crash: 'kill' }),
    MATRIX_MS_MAX,
  )
}

export function powerCutTest(
  what: string,
  scenario: Attack['scenario'],
  engine: Attack['engine'],
  disk: FileSystem,
): void {
  testWith(
    needsOf(disk),
    `${what} is whole or as before after a power cut at any system call, and done once it says so (${where(engine)}, ${disk})`,
    () => runMatrix({ scenario, engine, crash: disk }),
    MATRIX_MS_MAX,
  )
}

function where(engine: Attack['engine']): string {
  return engine === 'here' ? 'engine in process' : 'engine in a child'
}
