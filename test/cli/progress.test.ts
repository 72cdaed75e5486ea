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

const exporting = { step: 'write-rows', doneBytes: 310 * MIB, doneRows: 1_203_000 } as const

test('a step that counts rows says how many, how much that is, and how fast', () => {
  expect(progressLine(exporting, 2583, 120)).toBe('Exporting … 1,203,000 rows  310 MiB  120 MiB/s')
  expect(progressLine({ ...exporting, doneBytes: 0, doneRows: 0 }, 5000, 120)).toBe('Exporting … 0 rows  0 B')
  expect(progressLine({ step: 'write-rows' }, 5000, 120)).toBe('Exporting …')
})

test.each([70, 50, 40, 20, 10])('progress keeps to a terminal of %i columns', width => {
  for (const progress of [half, exporting])
    expect(progressLine(progress, 1000, width).length).toBeLessThanOrEqual(width)
})
