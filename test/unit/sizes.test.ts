import { expect, test } from 'vitest'
import { requireSpace } from '../../src/storage/durable.ts'
import { exactSize } from '../../src/storage/sizes.ts'
import { temporaryDirectory } from '../support/temporary.ts'

test.each([
  [0, '0 bytes'],
  [1023, '1023 bytes'],
  [1024, '1 KiB (1024 bytes)'],
  [123_456_789, '118 MiB (123456789 bytes)'],
])('%i bytes are told as people read them, and exactly', (bytes, words) => {
  expect(exactSize(bytes)).toBe(words)
})

test('what has no room on the disk says how much it needs and how much there is', async () => {
  const directory = temporaryDirectory()
  await expect(requireSpace(directory, 2 ** 50, 'the backup')).rejects.toMatchObject({
    code: 'INSUFFICIENT_SPACE',
    message: expect.stringMatching(
      /^Insufficient disk space: the backup needs 1 PiB \(1125899906842624 bytes\), .+ bytes\)? are available: \//,
    ) as string,
  })
})
