import { linkSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeInPlace } from '../../src/storage/write-in-place.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const PARTS = [Buffer.from('what is '), Buffer.from('known')]
const WHOLE = 'what is known'

test('what is written in place is made if it is not there, and has nothing behind its end of what it was', async () => {
  const path = join(temporaryDirectory(), 'cache')
  await writeInPlace(path, PARTS)
  expect(readFileSync(path, 'utf8')).toBe(WHOLE)
  expect(lstatSync(path).mode & 0o777).toBe(0o600)
  const { ino } = lstatSync(path)
  writeFileSync(path, 'much more than is to be known')
  await writeInPlace(path, PARTS)
  expect(readFileSync(path, 'utf8')).toBe(WHOLE)
  expect(lstatSync(path).ino).toBe(ino)
})

test.for<[string, (elsewhere: string, path: string) => void]>([
  ['another name of a file', linkSync],
  ['a link to a file', symlinkSync],
])('where %s lies, it is replaced and the file stays as it is', async ([, put]) => {
  const directory = temporaryDirectory()
  const elsewhere = join(directory, 'elsewhere')
  writeFileSync(elsewhere, 'of somebody else')
  const path = join(directory, 'cache')
  put(elsewhere, path)
  await writeInPlace(path, PARTS)
  expect(readFileSync(elsewhere, 'utf8')).toBe('of somebody else')
  expect(readFileSync(path, 'utf8')).toBe(WHOLE)
  expect(lstatSync(path).isFile()).toBe(true)
  expect(readdirSync(directory).toSorted()).toEqual(['cache', 'elsewhere'])
})

testWith(['mkfifo'], 'a pipe that nobody reads is replaced, and not waited for', async () => {
  const path = join(temporaryDirectory(), 'cache')
  run('mkfifo', [path])
  await writeInPlace(path, PARTS)
  expect(readFileSync(path, 'utf8')).toBe(WHOLE)
})

test('what cannot be written is said to be so', async () => {
  const path = temporaryDirectory()
  await expect(writeInPlace(path, PARTS)).rejects.toMatchObject({ code: 'IO_FAILED', path })
})
