/** Of every file that an operation writes, the first write fails: that is where a full disk is met most often. */
import { expect } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { quickDisk } from './failing-disk.ts'
import { Attack, type Looped } from './failing-run.ts'
import { ALL_STORED } from './failing-scenarios.ts'
import { SHIM_NEEDS, type SeenCall } from './shim.ts'

quickDisk()

for (const { name, ...attacked } of ALL_STORED) {
  testWith(
    SHIM_NEEDS,
    `${name}: whichever file cannot be written at all, nothing stays open and the next run succeeds`,
    async () => {
      const attack = await Attack.prepare({ ...attacked, engine: 'here' })
      const looped: Looped[] = []
      for (const at of firstOfEachFile(await attack.runUndisturbed())) {
        looped.push(await attack.runFailing({ calls: ['write'], errno: 'ENOSPC', isSticky: false, at }))
      }
      expect(looped.flatMap(({ violations }) => violations)).toEqual([])
      expect(looped.filter(({ isHit }) => isHit).length).toBeGreaterThan(0)
    },
    120_000,
  )
}

/** Which of the writes are the first into their files, counted from 1. */
function firstOfEachFile(calls: readonly SeenCall[]): readonly number[] {
  const written = calls.filter(({ call }) => call === 'write').map(({ path }) => path)
  return written.flatMap((path, index) => (written.indexOf(path) === index ? [index + 1] : []))
}
