import { expect, test } from 'vitest'
import { hasWalResetBug } from '../../src/operations/write-image.ts'

test.each([
  ['3.40.1', true],
  ['3.51.2', true],
  ['3.51.3', false],
  ['3.52.0', false],
  ['3.53.4', false],
])('SQLite %s corrupts a WAL database that is checkpointed while others write: %s', (version, isAffected) => {
  expect(hasWalResetBug(version)).toBe(isAffected)
})
