/** Removing directories of our own: whole, and nothing that a link leads to. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { removeTree } from '../../src/storage/remove-tree.ts'
import { temporaryDirectory } from '../support/temporary.ts'

test('a directory goes with all that is in it, and what its links lead to stays', async () => {
  const directory = temporaryDirectory()
  const elsewhere = temporaryDirectory()
  writeFileSync(join(elsewhere, 'precious'), 'data')
  const ours = join(directory, 'ours')
  mkdirSync(join(ours, 'a', 'b'), { recursive: true })
  writeFileSync(join(ours, 'a', 'b', 'file'), 'half')
  symlinkSync(elsewhere, join(ours, 'a', 'link'))
  symlinkSync(join(elsewhere, 'precious'), join(ours, 'file-link'))
  await removeTree(ours)
  expect(existsSync(ours)).toBe(false)
  expect(readFileSync(join(elsewhere, 'precious'), 'utf8')).toBe('data')
})

test('a link in the place of a directory goes itself, and nothing else', async () => {
  const directory = temporaryDirectory()
  const elsewhere = temporaryDirectory()
  writeFileSync(join(elsewhere, 'precious'), 'data')
  symlinkSync(elsewhere, join(directory, 'ours'))
  await removeTree(join(directory, 'ours'))
  expect(existsSync(join(directory, 'ours'))).toBe(false)
  expect(readFileSync(join(elsewhere, 'precious'), 'utf8')).toBe('data')
})

test('what is not there is gone already', async () => {
  await expect(removeTree(join(temporaryDirectory(), 'nothing', 'here'))).resolves.toBeUndefined()
})
