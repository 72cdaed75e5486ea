/** An import whose disk does not give what it is to read, or says that its name is taken where nothing is. */
import { expect } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { quickDisk } from './failing-disk.ts'
import type { Failing } from './failing-product.ts'
import { Attack, type Looped } from './failing-run.ts'
import { FAILING_LOOPS } from './failing-scenarios.ts'
import { type SeenCall, SHIM_NEEDS } from './shim.ts'

quickDisk()

testWith(
  SHIM_NEEDS,
  'an import that cannot read, or not take its name, fails as what it is, keeps nothing open and lets the next one succeed',
  async () => {
    const [loop] = FAILING_LOOPS.filter(({ operation }) => operation === 'import')
    if (loop === undefined) throw new Error('no import is attacked')
    const attack = await Attack.prepare({ ...loop, engine: 'here' })
    const looped: Looped[] = []
    for (const failing of failuresOf(await attack.runUndisturbed())) {
      for (const isSticky of [false, true]) looped.push(await attack.runFailing({ ...failing, isSticky }))
    }
    expect(looped.flatMap(({ violations }) => violations)).toEqual([])
    expect(looped.filter(({ isHit }) => isHit).length).toBeGreaterThan(10)
  },
  120_000,
)

function failuresOf(calls: readonly SeenCall[]): readonly Omit<Failing, 'isSticky'>[] {
  const reads = calls.filter(({ call }) => call === 'read')
  const names = calls.filter(({ call }) => call === 'link')
  return [
    ...reads.map((_, index) => ({ calls: ['read'], errno: 'EIO' as const, at: index + 1 })),
    ...names.map((_, index) => ({ calls: ['link'], errno: 'EEXIST' as const, at: index + 1 })),
  ]
}
