import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FlushAhead } from '../../src/storage/flush-ahead.ts'
import { writeBytes } from '../../src/storage/write-bytes.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const DURABLE = { isDurable: true }
const MEBIBYTE = 1 << 20
/** More than is written before the disk is made to begin. */
const ENOUGH = 33

test('a flush that failed while a file was written is told of at its end, and not tried again', async () => {
  const path = join(temporaryDirectory(), 'file')
  const ahead = new FlushAhead(path, DURABLE)
  // There is nothing to flush yet: that fails.
  ahead.reached(ENOUGH * MEBIBYTE)
  await expect(ahead.settled()).rejects.toMatchObject({ code: 'IO_FAILED', path })
  writeFileSync(path, '')
  ahead.reached(3 * ENOUGH * MEBIBYTE)
  await expect(ahead.settled()).rejects.toMatchObject({ code: 'IO_FAILED', path })
})

test('less than is worth a flush of its own is left to the last one', async () => {
  const ahead = new FlushAhead(join(temporaryDirectory(), 'not-there'), DURABLE)
  ahead.reached(31 * MEBIBYTE)
  await ahead.settled()
})

test('a file that cannot be flushed while it is written is not written', async () => {
  const path = join(temporaryDirectory(), 'file')
  async function* bytes(): AsyncGenerator<Uint8Array> {
    const piece = new Uint8Array(MEBIBYTE)
    for (let i = 0; i < ENOUGH; i++) {
      // What is flushed is opened by its name.
      if (i === 1) rmSync(path)
      yield piece
    }
  }
  await expect(writeBytes(path, bytes(), DURABLE)).rejects.toMatchObject({ code: 'IO_FAILED', path })
})
