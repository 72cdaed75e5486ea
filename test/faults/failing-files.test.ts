/** Of every file that an operation uses, the first write fails, as a full disk has it, or a flush, or the last read. */
import { expect } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { isFull } from './extent.ts'
import { quickDisk } from './failing-disk.ts'
import type { Failing } from './failing-product.ts'
import { Attack, type Looped } from './failing-run.ts'
import { ALL_STORED, FAILING_LOOPS } from './failing-scenarios.ts'
import { SHIM_NEEDS, type SeenCall } from './shim.ts'

quickDisk()

const FLUSHES: readonly string[] = ['fsync', 'fdatasync']
/** The first backup of all is the one that makes directories and the audit log; an export reads by processes of its own. */
const PLAIN = FAILING_LOOPS.filter(({ name }) => /^(create, the first|export, json)/.test(name))
// One to Parquet goes the same ways, and takes a quarter of the time of all.
const ATTACKED = [...PLAIN, ...ALL_STORED.filter(({ name }) => isFull || name !== 'export, parquet')]

for (const { name, ...attacked } of ATTACKED) {
  testWith(
    SHIM_NEEDS,
    `${name}: whichever file cannot be written, flushed or read, nothing stays open and the next run succeeds`,
    async () => {
      const attack = await Attack.prepare({ ...attacked, engine: 'here' })
      const looped: Looped[] = []
      for (const failing of failuresOf(await attack.runUndisturbed())) {
        looped.push(await attack.runFailing({ ...failing, isSticky: false }))
      }
      expect(looped.flatMap(({ violations }) => violations)).toEqual([])
      expect(looped.filter(({ isHit }) => isHit).length).toBeGreaterThan(0)
    },
    120_000,
  )
}

function failuresOf(calls: readonly SeenCall[]): readonly Omit<Failing, 'isSticky'>[] {
  const written = calls.filter(({ call }) => call === 'write').map(({ path }) => path)
  const read = calls.filter(({ call }) => call === 'read').map(({ pid, path }) => `${pid} ${path}`)
  const flushed = calls.filter(({ call }) => FLUSHES.includes(call))
  return [
    ...firstOf(written).map(at => ({ calls: ['write'], errno: 'ENOSPC' as const, at })),
    ...lastOf(read).map(at => ({ calls: ['read'], errno: 'EIO' as const, at })),
    ...flushed.map((_, index) => ({ calls: FLUSHES, errno: 'EIO' as const, at: index + 1 })),
  ]
}

/** Where each name stands for the first time, counted from 1. */
function firstOf(names: readonly string[]): readonly number[] {
  return names.flatMap((name, index) => (names.indexOf(name) === index ? [index + 1] : []))
}

function lastOf(names: readonly string[]): readonly number[] {
  return names.flatMap((name, index) => (names.lastIndexOf(name) === index ? [index + 1] : []))
}
