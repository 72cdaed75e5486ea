/** Power cuts of a disk that, between two flushes, writes in whichever order it likes, and by halves. */
import { expect, test } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { isFull, randomFrom } from './extent.ts'
import { publish } from './figures.ts'
import type { FileSystem } from './matrix-disk.ts'
import { nameOf, publishAs } from './matrix-points.ts'
import { type Scenario, SCENARIOS } from './matrix-scenarios.ts'
import { STORED_SCENARIOS } from './matrix-stored-scenarios.ts'
import { MATRIX_MS_MAX, needsOf } from './matrix-tests.ts'
import { RECORDING_DISK } from './recording-disk.ts'
import { type Cuts, type ReorderedAttack, strikeReordered } from './reordered.ts'
import { lasting, type Told, type Write } from './reordered-writes.ts'

const { createWal, createRollback, restoreMissing, restoreRollback } = SCENARIOS

/** Not those that another process has open, which would be gone with the power; and a verification writes nothing. */
const ALL: readonly Scenario[] = [...Object.values(SCENARIOS), ...Object.values(STORED_SCENARIOS)].filter(
  ({ isOpen, operation }) => isOpen !== true && operation !== 'verify',
)

const SELECTED: readonly (readonly [Scenario, FileSystem])[] = [
  [createWal, 'ext4'],
  [restoreRollback, 'ext4'],
  [restoreMissing, 'xfs'],
]

const CUTS: Cuts = isFull ? { before: 40, after: 10 } : { before: 3, after: 1 }
/** Fewer of them mean that the harness has lost its grip: the file, its name, the line of the audit log. */
const WRITES_MIN = 3
const FLUSHES_MIN = 3

const attacked = isFull
  ? ALL.flatMap(scenario => (['ext4', 'xfs'] as const).map(crash => [scenario, crash] as const))
  : SELECTED

for (const [scenario, crash] of attacked) {
  const isEncrypted = scenario === STORED_SCENARIOS.createEncrypted
  testWith(
    needsFor(crash, isEncrypted ? ['age'] : []),
    `After a power cut of a disk that reorders its writes all is whole or as before, and done once it says so (${scenario.name}, ${crash})`,
    async () => {
      const attack = { scenario, engine: 'here', crash } as const
      const { struck, writes, flushes } = await strikeReordered(attack, CUTS)
      expect(struck.flatMap(({ violations }) => violations)).toEqual([])
      expect(writes).toBeGreaterThanOrEqual(WRITES_MIN)
      expect(flushes).toBeGreaterThanOrEqual(FLUSHES_MIN)
      publishAs('Reordered writes', nameOf(attack), struck)
    },
    MATRIX_MS_MAX,
  )
}

/** What a disk that reorders must find out. That nobody tells the disk to flush no other power cut can see. */
const MISTAKES: readonly (Omit<ReorderedAttack, 'engine'> & { readonly mistake: string })[] = [
  { mistake: 'no fsync', scenario: createWal, crash: 'ext4', mutant: 'no fsync' },
  { mistake: 'no directory fsync', scenario: createRollback, crash: 'xfs', mutant: 'no directory fsync' },
  { mistake: 'no flush of the disk', scenario: createWal, crash: 'ext4', options: ['barrier=0'] },
]

for (const { mistake, ...attack } of MISTAKES) {
  testWith(
    needsFor(attack.crash),
    `A disk that reorders its writes finds out the mistake "${mistake}"`,
    async () => {
      const { struck } = await strikeReordered({ ...attack, engine: 'here' }, { before: 0, after: 3 })
      const caught = struck.filter(({ violations }) => violations.length > 0)
      expect(caught).not.toEqual([])
      publish({
        group: 'Mutants',
        what: `${mistake}, writes reordered`,
        count: struck.length,
        unit: 'points',
        outcome: `caught at ${caught.length}`,
      })
    },
    MATRIX_MS_MAX,
  )
}

test('a disk that loses its power holds all that was flushed, and of what came later any part', () => {
  const [flushed, first, second] = [writeAt(0), writeAt(2 * WRITE_BYTES), writeAt(4 * WRITE_BYTES)]
  const told: Told[] = [flushed, 'flush', first, second]
  const made = Array.from({ length: 200 }, (_, seed) => lasting(told, told.length, randomFrom(seed)))
  const lastOf = (whole: Write): number[] => made.map(writes => bytesOf(whole, writes))
  expect(new Set(lastOf(flushed))).toEqual(new Set([WRITE_BYTES]))
  const [firsts, seconds] = [lastOf(first), lastOf(second)]
  expect(firsts.some((bytes, i) => bytes === 0 && seconds[i] === WRITE_BYTES)).toBe(true)
  expect(firsts.some((bytes, i) => bytes === WRITE_BYTES && seconds[i] === 0)).toBe(true)
  expect(seconds).toContain(WRITE_BYTES / 2)
  expect(seconds.some(bytes => bytes % 4_096 !== 0 && bytes % 512 === 0)).toBe(true)
  expect(new Set(made.flat().map(({ offset }) => offset % 512))).toEqual(new Set([0]))
  expect(lasting(told, 1, () => 0)).toEqual([])
})

function needsFor(crash: FileSystem, more: readonly string[] = []): readonly string[] {
  return [...needsOf(crash), ...RECORDING_DISK, ...more]
}

const WRITE_BYTES = 8_192

function writeAt(offset: number): Write {
  return { offset, bytes: Buffer.alloc(WRITE_BYTES, 1) }
}

/** How much of one write is among those that lasted. */
function bytesOf({ offset }: Write, writes: readonly Write[]): number {
  const ofIt = writes.filter(write => write.offset >= offset && write.offset < offset + WRITE_BYTES)
  return ofIt.reduce((sum, { bytes }) => sum + bytes.length, 0)
}
