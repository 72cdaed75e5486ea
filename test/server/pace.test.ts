import { expect, test } from 'vitest'
import { Pace } from '../../src/server/pace.ts'

const LIMITS = { bytesPerSecondMin: 1000, patienceMs: 60_000 }

/** How many of these pieces, each of so many bytes in so many milliseconds, are soon enough. */
function takenInTime(pieces: readonly (readonly [bytes: number, elapsedMs: number])[]): number {
  const pace = new Pace(LIMITS)
  const tooLate = pieces.findIndex(([bytes, elapsedMs]) => !pace.took(bytes, elapsedMs))
  return tooLate === -1 ? pieces.length : tooLate
}

const times = <T>(count: number, piece: T): T[] => Array.from({ length: count }, () => piece)

test('whoever is as fast as the least rate may go on for ever', () => {
  expect(takenInTime(times(100_000, [1000, 1000]))).toBe(100_000)
})

test('whoever is slower is given up once he is a minute behind, in whatever pieces it comes', () => {
  expect(takenInTime(times(1000, [500, 1000]))).toBe(120)
  expect(takenInTime(times(1000, [50_000, 100_000]))).toBe(1)
  expect(takenInTime(times(100_000, [1, 100]))).toBe(606)
})

test('a pause of a minute is nothing, and once it is caught up with, the next one is not either', () => {
  expect(takenInTime(times(10, [[0, 60_000] as const, [61_000, 1000] as const]).flat())).toBe(20)
  expect(takenInTime([[0, 60_001]])).toBe(0)
})

test('a gigabyte that was fast is no credit for what follows', () => {
  expect(takenInTime([[1_000_000_000, 1000], ...times(1000, [0, 1000] as const)])).toBe(61)
})

test('a piece may take as long as is left of the minute, and what its bytes may take', () => {
  const pace = new Pace(LIMITS)
  expect(pace.allowanceMs(0)).toBe(60_000)
  expect(pace.allowanceMs(2000)).toBe(62_000)
  pace.took(0, 20_000)
  expect(pace.allowanceMs(0)).toBe(40_000)
})
