/** Reading a database's files to the end: what the disk says counts, what is in them does not. */
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readThrough } from '../../src/snapshot/read-through.ts'
import { temporaryDirectory } from '../support/temporary.ts'

function makeFile(): string {
  const path = join(temporaryDirectory(), 'app.db')
  // More than is read at once, less than another thread would read.
  writeFileSync(path, Buffer.alloc(20 << 20, 'no database'))
  return path
}

test('files that can be read are fine, whatever is in them, and those that are not there', async () => {
  const path = makeFile()
  writeFileSync(`${path}-wal`, 'no log')
  await expect(readThrough(path, new AbortController().signal)).resolves.toBeUndefined()
})

test('a file that its application cuts meanwhile is no disk that fails', async () => {
  const path = makeFile()
  const reading = readThrough(path, new AbortController().signal)
  // It has the file's size by now, and not all of its bytes.
  truncateSync(path, 100)
  await expect(reading).resolves.toBeUndefined()
})

test('it can be cancelled', async () => {
  await expect(readThrough(makeFile(), AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' })
})
