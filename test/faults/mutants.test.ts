/** The crash matrix tests itself: a product that is broken on purpose is found out. */
import { expect } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { isFull } from './extent.ts'
import { publish } from './figures.ts'
import { type Attack, Place, type Point, prepareStart, strike, type Struck } from './matrix.ts'
import { SCENARIOS } from './matrix-scenarios.ts'
import { STORED_SCENARIOS } from './matrix-stored-scenarios.ts'
import { MATRIX_MS_MAX, needsOf } from './matrix-tests.ts'
import type { MutantName } from './mutate.ts'

type Attempt = Pick<Attack, 'scenario' | 'crash'>

const { createWal, createRollback, restoreMissing, restoreGarbage } = SCENARIOS
const { createBlocksFirst, sync } = STORED_SCENARIOS

const LAST_CALLS = 15

/** Names of packs and at targets go with any later flush, so that a power cut does not tell: see order-stored.test.ts. */
type CrashedMutant = Exclude<MutantName, 'no fsync of names of packs' | 'no fsync of names at the target'>

const ATTEMPTS: Readonly<Record<CrashedMutant, readonly Attempt[]>> = {
  'no fsync': [
    { scenario: createWal, crash: 'ext4' },
    { scenario: createRollback, crash: 'xfs' },
    // Not on xfs, where the restored file shares the backup's blocks, which are on the disk already.
    { scenario: restoreMissing, crash: 'ext4' },
  ],
  'no directory fsync': [
    { scenario: createWal, crash: 'ext4' },
    { scenario: createRollback, crash: 'xfs' },
    { scenario: restoreMissing, crash: 'ext4' },
    { scenario: restoreMissing, crash: 'xfs' },
  ],
  'metadata before data': [{ scenario: createRollback, crash: 'kill' }],
  'side files kept': [
    { scenario: restoreMissing, crash: 'kill' },
    { scenario: restoreGarbage, crash: 'kill' },
  ],
  'no fsync of packs': [{ scenario: createBlocksFirst, crash: 'ext4' }],
  'no fsync at the target': [{ scenario: sync, crash: 'xfs' }],
}

for (const [name, attempts] of Object.entries(ATTEMPTS) as [MutantName, readonly Attempt[]][]) {
  testWith(
    [...new Set(attempts.flatMap(({ crash }) => needsOf(crash)))],
    `The crash matrix finds out a product with the mistake "${name}", and nothing in one without it`,
    async () => {
      let caught = 0
      let visited = 0
      for (const attempt of attempts) {
        const struck = await attackBoth({ ...attempt, engine: 'here' }, name)
        // What the mistake leads to, and not a mutant that does not even start.
        expect(struck.flatMap(({ violations }) => violations).filter(isBroken)).toEqual([])
        const wrong = struck.filter(isWrong)
        expect(wrong.length, `${attempt.scenario.name}, ${attempt.crash}`).toBeGreaterThan(0)
        caught += wrong.length
        visited += struck.length
      }
      publish({
        group: 'Mutants',
        what: name,
        count: attempts.length,
        unit: 'runs',
        outcome: `caught in each, at ${caught} of ${visited} points`,
      })
    },
    MATRIX_MS_MAX,
  )
}

/**
 * The same points for the product with the mistake, whose outcome is returned, and without, which must do well. A
 * selection has seen enough once the mistake is found out.
 */
async function attackBoth(attack: Attack, mutant: MutantName): Promise<Struck[]> {
  const place = new Place(attack.crash)
  const start = await prepareStart(attack.scenario)
  const undisturbed = await strike({ ...attack, mutant }, start, place, 'none')
  const points = pointsOf(attack, undisturbed)
  const struck = [undisturbed]
  for (const point of points) {
    const { violations } = await strike(attack, start, place, point)
    expect(violations).toEqual([])
    struck.push(await strike({ ...attack, mutant }, start, place, point))
    if (!isFull && struck.some(isWrong)) break
  }
  return struck
}

/** A power cut right after the answer; kills at the last calls, which publish what was made. */
function pointsOf({ crash }: Attack, { calls }: Struck): Point[] {
  if (crash !== 'kill') return ['answer', 'answer']
  // Behind them comes only the line of the audit log.
  const end = calls.findIndex(({ path }) => path.includes('audit'))
  return calls
    .slice(0, end === -1 ? calls.length : end)
    .map((_, index) => index + 1)
    .slice(-LAST_CALLS)
}

function isWrong({ violations }: Struck): boolean {
  return violations.length > 0
}

function isBroken(violation: string): boolean {
  return /stderr|without an answer|typed failure/.test(violation)
}
