import { expect, test } from 'vitest'
import { age, bytes, duration, plural } from '../../src/cli/units.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

test.each([
  [0, 'just now'],
  [59_999, 'just now'],
  [MINUTE, '1 minute ago'],
  [59 * MINUTE, '59 minutes ago'],
  [HOUR, '1 hour ago'],
  [3 * HOUR, '3 hours ago'],
  [47 * HOUR, '47 hours ago'],
  [2 * DAY, '2 days ago'],
  [13 * DAY, '13 days ago'],
  [14 * DAY, '2 weeks ago'],
  [90 * DAY, '2 months ago'],
  [3 * 365.25 * DAY, '3 years ago'],
  [-3 * HOUR, 'in 3 hours'],
])('%i milliseconds of age are "%s"', (ms, words) => {
  expect(age(ms)).toBe(words)
})

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [4_412_345, '4.21 MiB'],
  [1024 ** 4, '1 TiB'],
])('%i bytes are "%s"', (count, words) => {
  expect(bytes(count)).toBe(words)
})

test.each([
  [12.4, '12 ms'],
  [4210, '4.2 s'],
  [192_000, '3m 12s'],
  [3_600_000, '1h'],
])('%i milliseconds last "%s"', (ms, words) => {
  expect(duration(ms)).toBe(words)
})

test.each([
  [0, '0 rows'],
  [1, '1 row'],
  [999, '999 rows'],
  [12_345, '12,345 rows'],
  [1_234_567, '1,234,567 rows'],
])('%i makes "%s"', (count, words) => {
  expect(plural(count, 'row')).toBe(words)
})
