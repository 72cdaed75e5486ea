import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeCacheFile } from '../../src/catalog/cache-file.ts'
import { temporaryDirectory } from '../support/temporary.ts'

test('of many that write a file of what was seen at once each does, and nothing else is left', async () => {
  const path = join(temporaryDirectory(), 'targets', 'far.json')
  const write = async (writer: number): Promise<void> => {
    for (let round = 0; round < 20; round++) await writeCacheFile(path, `text ${writer}`, new Date())
  }
  await Promise.all([1, 2, 3, 4].map(write))
  expect(readFileSync(path, 'utf8')).toMatch(/^text [1-4]$/)
  expect(readdirSync(join(path, '..'))).toEqual(['far.json'])
})

test('what a killed writer has left goes after an hour, and nothing of another name', async () => {
  const directory = temporaryDirectory()
  const now = new Date('2026-11-26T12:00:00Z')
  for (const [name, minutes] of [
    ['far.json.0123456789ab', 61],
    ['far.json.ba9876543210', 59],
    ['other.json.0123456789ab', 61],
    ['far.json.old', 61],
  ] as const) {
    const then = new Date(now.getTime() - minutes * 60_000)
    writeFileSync(join(directory, name), 'half')
    utimesSync(join(directory, name), then, then)
  }
  await writeCacheFile(join(directory, 'far.json'), 'whole', now)
  expect(readdirSync(directory).toSorted()).toEqual([
    'far.json',
    'far.json.ba9876543210',
    'far.json.old',
    'other.json.0123456789ab',
  ])
})
