/** Stored files as they are sent: from any place on, and proven as a whole. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { contentOfFile } from '../../src/operations/backup-files.ts'
import { patterned, sha256 } from '../storage/contents.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const BYTES = patterned(2_500_000)

function fileOf(bytes: Uint8Array): string {
  const path = join(temporaryDirectory(), 'app.db')
  writeFileSync(path, bytes)
  return path
}

test.each([0, 1, 1 << 20, 2_000_000, BYTES.length - 1, BYTES.length])(
  'what is sent from %i on is the rest of the file',
  async from => {
    const content = contentOfFile(fileOf(BYTES), { sizeBytes: BYTES.length, sha256: sha256(BYTES) })
    const sent = Buffer.concat(await Array.fromAsync(content.open(from)))
    expect(sent.equals(BYTES.subarray(from))).toBe(true)
  },
)

test('an empty file is sent as such', async () => {
  const content = contentOfFile(fileOf(Buffer.alloc(0)), { sizeBytes: 0, sha256: sha256(Buffer.alloc(0)) })
  expect(Buffer.concat(await Array.fromAsync(content.open(0)))).toHaveLength(0)
})

test.each([
  ['is shorter than was recorded', BYTES.subarray(0, 2_000_000), 'has 2000000 bytes instead of 2500000'],
  ['is longer than was recorded', Buffer.concat([BYTES, BYTES]), 'has 5000000 bytes instead of 2500000'],
  [
    'has another byte where nothing is sent any more',
    BYTES.with(5, 77),
    'its SHA-256 is not the recorded one',
  ],
])('a file that %s is never sent to its end', async (_, bytes, why) => {
  const content = contentOfFile(fileOf(bytes), { sizeBytes: BYTES.length, sha256: sha256(BYTES) })
  let sentBytes = 0
  const sending = async (): Promise<void> => {
    for await (const piece of content.open(1 << 20)) sentBytes += piece.length
  }
  await expect(sending()).rejects.toMatchObject({
    code: 'BACKUP_DAMAGED',
    message: expect.stringContaining(why),
  })
  expect(sentBytes).toBeLessThan(bytes.length - (1 << 20))
})
