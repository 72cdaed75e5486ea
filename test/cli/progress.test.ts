import { expect, test } from 'vitest'
import { progressLine } from '../../src/cli/progress.ts'

const MIB = 1024 ** 2
const half = { step: 'copy-image', doneBytes: 512 * MIB, totalBytes: 1024 * MIB } as const

test('progress says the step in words, the share, the bytes, the rate and the time left', () => {
  expect(progressLine(half, 1000, 120)).toBe(
    'Copying the database  ██████████░░░░░░░░░░   50%  512 MiB of 1 GiB  512 MiB/s  1.0 s left',
  )
})

test('a rate is shown only once it means something', () => {
  expect(progressLine(half, 100, 120)).toBe(
    'Copying the database  ██████████░░░░░░░░░░   50%  512 MiB of 1 GiB',
  )
})

test('a step without an extent shows its words alone', () => {
  expect(progressLine({ step: 'check-image' }, 5000, 120)).toBe('Checking the backup …')
})

test.each([70, 50, 40, 20, 10])('progress keeps to a terminal of %i columns', width => {
  expect(progressLine(half, 1000, width).length).toBeLessThanOrEqual(width)
})
