/** The run that follows a crash is crashed as well, at any of its system calls. */
import { expect } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { isFull } from './extent.ts'
import { type Attack, Place, prepareStart, startAfterCrash, strike } from './matrix.ts'
import { nameOf, publishAs, strikeAll } from './matrix-points.ts'
import { SCENARIOS } from './matrix-scenarios.ts'
import { STORED_SCENARIOS } from './matrix-stored-scenarios.ts'
import { MATRIX_MS_MAX, needsOf } from './matrix-tests.ts'

const { createWal, createRollback, restoreWal, restoreRollback, restoreGarbage } = SCENARIOS
const { convertBlocks, cleanupBlocks, schedule } = STORED_SCENARIOS

type FirstCrash = Attack & { readonly share: number }

const OF_FULL_RUNS: readonly FirstCrash[] = [
  { scenario: convertBlocks, engine: 'here', crash: 'kill', share: 0.6 },
  { scenario: cleanupBlocks, engine: 'here', crash: 'ext4', share: 0.6 },
  { scenario: schedule, engine: 'process', crash: 'xfs', share: 0.7 },
]
/** How far into its calls the first run gets; so many calls of the second are visited when not all are. */
const FIRST_CRASHES: readonly FirstCrash[] = [
  { scenario: createWal, engine: 'here', crash: 'kill', share: 0.5 },
  { scenario: restoreWal, engine: 'here', crash: 'kill', share: 0.75 },
  { scenario: restoreRollback, engine: 'process', crash: 'kill', share: 0.6 },
  { scenario: restoreGarbage, engine: 'here', crash: 'kill', share: 0.9 },
  { scenario: createRollback, engine: 'here', crash: 'ext4', share: 0.85 },
  { scenario: restoreWal, engine: 'here', crash: 'ext4', share: 0.6 },
  { scenario: createWal, engine: 'here', crash: 'xfs', share: 0.85 },
  { scenario: restoreRollback, engine: 'here', crash: 'xfs', share: 0.6 },
  ...(isFull ? OF_FULL_RUNS : []),
]
const SELECTED = 3

for (const { share, ...attack } of FIRST_CRASHES) {
  testWith(
    needsOf(attack.crash),
    `Crashed once and then again at any system call, the third run succeeds (${nameOf(attack)})`,
    async () => {
      const place = new Place(attack.crash)
      const start = await prepareStart(attack.scenario)
      const { calls } = await strike(attack, start, place, 'none')
      const first = Math.round(calls.length * share)
      const between = await startAfterCrash(attack, start, place, first)
      const struck = await strikeAll(attack, between, place, SELECTED)
      expect(struck.flatMap(({ violations }) => violations)).toEqual([])
      const hits = struck.filter(({ isHit }) => isHit)
      expect(hits.length).toBeGreaterThanOrEqual(isFull ? calls.length / 2 : SELECTED)
      publishAs('Second crash', `${nameOf(attack)}, after one at ${first} of ${calls.length}`, hits)
    },
    MATRIX_MS_MAX,
  )
}
