/** Directories in which exports and imports are made: each removes what killed ones left, and nothing else. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { WorkDirectory } from '../../src/catalog/work-directory.ts'
import { toFailure } from '../../src/errors.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

const { signal } = new AbortController()
const NAME = '.chame-work-0123456789ab'

test('what a killed run left is removed, and a directory in use is not', async () => {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, NAME))
  writeFileSync(join(directory, NAME, 'half'), 'half of an export')
  await using first = await WorkDirectory.open(directory, signal)
  await using second = await WorkDirectory.open(directory, signal)
  const names = [first, second].map(({ path }) => path.slice(directory.length + 1)).toSorted()
  expect(filesBelow(directory).filter(name => !name.includes('/'))).toEqual(names)
})

test('a link that is called like one leads to nothing of ours: there nothing is made or removed', async () => {
  const directory = temporaryDirectory()
  const elsewhere = temporaryDirectory()
  writeFileSync(join(elsewhere, 'precious'), 'data')
  symlinkSync(elsewhere, join(directory, NAME))
  await using _work = await WorkDirectory.open(directory, signal)
  expect(filesBelow(elsewhere)).toEqual(['precious'])
})

test('a run that is cancelled while it looks whether others are at work makes nothing', async () => {
  const directory = temporaryDirectory()
  await using _other = await WorkDirectory.open(directory, signal)
  const before = filesBelow(directory)
  const cancelled = WorkDirectory.open(directory, AbortSignal.abort())
  expect(toFailure(await cancelled.catch((error: unknown) => error)).code).toBe('CANCELLED')
  expect(filesBelow(directory)).toEqual(before)
})
