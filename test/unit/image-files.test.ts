/** Reading, copying and hashing the files of an image, where they are not what they should be. */
import { createHash } from 'node:crypto'
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type HashMessage, hashFile, hashImage, runHashTask } from '../../src/snapshot/hash.ts'
import { writeImageOf } from '../../src/operations/added-file.ts'
import { keepDamagedFiles } from '../../src/operations/keep-damaged.ts'
import { cloneWhole, copyWhole } from '../../src/snapshot/copy-file.ts'
import { openIfThere } from '../../src/snapshot/source-files.ts'
import { contextOf } from '../support/operation.ts'
import { testWith } from '../support/requirements.ts'
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

/** Ends long before its size says, as does a file that shrinks while it is copied. */
const SHORTER = '/sys/devices/system/cpu/online'

testWith(['linux'], 'a file that ends before its size says is copied as far as it goes', async () => {
  const content = readFileSync(SHORTER)
  expect(statSync(SHORTER).size).toBeGreaterThan(content.length)
  const directory = temporaryDirectory()
  const context = contextOf({ path: join(directory, 'app.db') })
  mkdirSync(join(context.settings.backupDir, 'manual'), { recursive: true })

  const copied = join(directory, 'copied')
  await copyWhole(SHORTER, copied, context.signal)
  const added = join(directory, 'added')
  await writeImageOf(SHORTER, { form: 'plain', file: added }, context)
  const kept = await keepDamagedFiles(SHORTER, 'app.db', 'manual', context)
  for (const file of [copied, added, ...kept]) expect([file, readFileSync(file)]).toEqual([file, content])
})

testWith(['linux'], 'a file that cannot be read while it is copied is named, and not its copy', async () => {
  // Nothing is mapped at the address 0: reading there is an I/O error.
  const from = '/proc/self/mem'
  const copied = copyWhole(from, join(temporaryDirectory(), 'copy'), options.signal)
  await expect(copied).rejects.toMatchObject({
    code: 'IO_FAILED',
    message: expect.stringContaining('Input/output error: could not read: '),
    path: from,
  })
})

test('a side file that is not there is none; one that cannot be opened is a typed error', () => {
  const directory = temporaryDirectory()
  expect(openIfThere(join(directory, 'app.db-wal'))).toBeNull()
  const loop = join(directory, 'app.db-journal')
  symlinkSync(loop, loop)
  expect(() => openIfThere(loop)).toThrow(expect.objectContaining({ code: 'IO_FAILED', path: loop }))
})
