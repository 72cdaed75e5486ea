/** Reading, copying and hashing the files of an image, where they are not what they should be. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type HashMessage, hashFile, hashImage, runHashTask } from '../../src/snapshot/hash.ts'
import { cloneWhole } from '../../src/snapshot/copy-file.ts'
import { openIfThere } from '../../src/snapshot/source-files.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const options = { signal: new AbortController().signal }

/** A file of so many bytes, open for reading until the test ends. */
function openFile(content: string | number): { fd: number; path: string } {
  const path = join(temporaryDirectory(), 'file')
  writeFileSync(path, typeof content === 'string' ? content : '')
  if (typeof content === 'number') truncateSync(path, content)
  const fd = openSync(path, 'r')
  onTestFinished(() => closeSync(fd))
  return { fd, path }
}

// The larger one is hashed in a thread, whose errors come back as messages.
test.each([100, 40 << 20])(
  'a file that ends after %i bytes, before its image does, is damage',
  async bytes => {
    const { fd, path } = openFile(bytes)
    await expect(hashFile(fd, bytes + 1, path, options)).rejects.toMatchObject({
      code: 'DATABASE_DAMAGED',
      message: expect.stringContaining(`ends at byte ${bytes}`),
    })
  },
)

test('a thread that hashes tells the digest, and how far it is on the way', () => {
  const { fd, path } = openFile(40 << 20)
  const image = { path, mainFd: fd, pageSize: 1, pageCount: 40 << 20 }
  const said: HashMessage[] = []
  runHashTask({ image, wal: null }, message => said.push(message))
  const digest = createHash('sha256').update(readFileSync(path)).digest('hex')
  expect(said).toEqual([{ doneBytes: 16 << 20 }, { doneBytes: 32 << 20 }, { digest }])
})

test.each([
  ['is not started', 'no-scheme-of-a-thread:'],
  ['fails as it starts', 'data:text/javascript,throw new Error("no memory")'],
  ['ends as it starts', 'data:text/javascript,process.exit(1)'],
])('a large image is hashed without a thread that %s', async (_, thread) => {
  const { fd, path } = openFile(40 << 20)
  const image = { path, mainFd: fd, pageSize: 1, pageCount: 40 << 20, wal: null }
  const digest = createHash('sha256').update(readFileSync(path)).digest('hex')
  expect(await hashImage(image, options, new URL(thread))).toBe(digest)
})

test('a thread that hashes tells what went wrong, as a typed failure', () => {
  const { fd, path } = openFile('short')
  const image = { path, mainFd: fd, pageSize: 1, pageCount: 6 }
  const said: HashMessage[] = []
  runHashTask({ image, wal: null }, message => said.push(message))
  expect(said).toMatchObject([{ failure: { success: false, code: 'DATABASE_DAMAGED' } }])
})

test('sharing blocks fails with a typed error when more is wrong than a file system that cannot', async () => {
  const { path } = openFile('content')
  const nowhere = join(temporaryDirectory(), 'missing', 'copy')
  await expect(cloneWhole(path, nowhere)).rejects.toMatchObject({ code: 'IO_FAILED', path: nowhere })
})

test('a side file that is not there is none; one that cannot be opened is a typed error', () => {
  const directory = temporaryDirectory()
  expect(openIfThere(join(directory, 'app.db-wal'))).toBeNull()
  const loop = join(directory, 'app.db-journal')
  symlinkSync(loop, loop)
  expect(() => openIfThere(loop)).toThrow(expect.objectContaining({ code: 'IO_FAILED', path: loop }))
})
