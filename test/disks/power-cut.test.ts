/** A restore whose disk loses its power, over what a killed writer has left, and over what somebody has open. */
import { expect } from 'vitest'
import { isFull } from '../faults/extent.ts'
import { type Attack, Place, prepareStart, type Struck } from '../faults/matrix.ts'
import { nameOf, publishAs, strikeAll } from '../faults/matrix-points.ts'
import { SCENARIOS } from '../faults/matrix-scenarios.ts'
import { MATRIX_MS_MAX, needsOf } from '../faults/matrix-tests.ts'
import { testWith } from '../support/requirements.ts'
import { strikeOpen } from './power-cut-open.ts'

/** Of the calls, beside the instant after the answer. */
const POINTS = 4

for (const crash of isFull ? (['ext4', 'xfs'] as const) : (['ext4'] as const)) {
  testWith(
    needsOf(crash),
    `A restore over a hot journal is whole or as before after a power cut at any system call (${crash})`,
    async () => {
      const attack: Attack = { scenario: SCENARIOS.restoreHotJournal, engine: 'here', crash }
      const start = await prepareStart(attack.scenario)
      expectNothingWrong(attack, await strikeAll(attack, start, new Place(crash), POINTS))
    },
    MATRIX_MS_MAX,
  )

  testWith(
    needsOf(crash),
    `A restore over a database that is open is whole or as before after a power cut at any system call (${crash})`,
    async () => {
      const attack: Attack = { scenario: SCENARIOS.restoreOpen, engine: 'here', crash }
      expectNothingWrong(attack, await strikeOpen(attack, POINTS))
    },
    MATRIX_MS_MAX,
  )
}

function expectNothingWrong(attack: Attack, struck: readonly Struck[]): void {
  expect(struck.flatMap(({ violations }) => violations)).toEqual([])
  const hits = struck.filter(({ isHit }) => isHit)
  // The first is cut right after it has answered, so all of its calls were seen.
  expect(struck[0]?.calls.length).toBeGreaterThan(POINTS_MIN)
  // One run may make a call less than another, and two of the points drawn may be one.
  expect(hits.length).toBeGreaterThanOrEqual(POINTS - 1)
  publishAs('Power cut', nameOf(attack), hits)
}

/** Fewer calls of a restore mean that the harness has lost its grip. */
const POINTS_MIN = 50
