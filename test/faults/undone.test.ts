/** What a restore says was rolled back stays so. */
import { expect } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { Place, prepareStart, strike, type Struck } from './matrix.ts'
import { SCENARIOS } from './matrix-scenarios.ts'
import { SHIM_NEEDS } from './shim.ts'

testWith(
  SHIM_NEEDS,
  'a restore that is killed between the last frame of its transaction and its commit is undone for good',
  async () => {
    // Others have the database open, so its WAL index stays and says nothing of those frames. They would come
    // to life when the WAL is recovered after a power cut, which is what the oracle's copy looks like.
    const attack = { scenario: SCENARIOS.restoreOpen, engine: 'here', crash: 'kill' } as const
    const place = new Place('kill')
    const start = await prepareStart(attack.scenario)
    const { calls } = await strike(attack, start, place, 'none')
    const last = 1 + calls.findLastIndex(({ call, path }) => call === 'write' && path.endsWith('-wal'))
    const struck: Struck[] = []
    for (let point = last; point < last + 6; point++) struck.push(await strike(attack, start, place, point))
    expect(struck.flatMap(({ violations }) => violations)).toEqual([])
    expect(struck.map(({ isHit, state }) => ({ isHit, state }))).toEqual(
      struck.map(() => ({ isHit: true, state: 'old' })),
    )
  },
)
