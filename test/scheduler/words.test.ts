import { expect, test } from 'vitest'
import { timesMissed } from '../../src/daemon/words.ts'

test('missed runs are told as often as they were, and no further than they were counted', () => {
  expect([1, 2, 999, 1000].map(timesMissed)).toEqual(['once', '2 times', '999 times', '1000 times or more'])
})
