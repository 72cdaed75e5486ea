/** What tests put into targets. */
import { createHash } from 'node:crypto'
import type { Content } from '../../src/storage/target.ts'

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Content that can be read again, in pieces of an odd size. */
export function contentOf(bytes: Uint8Array, more: Partial<Content> = {}): Content {
  return {
    sizeBytes: bytes.length,
    sha256: sha256(bytes),
    async *open(from) {
      for (let at = from; at < bytes.length; at += 99_991) yield bytes.subarray(at, at + 99_991)
    },
    ...more,
  }
}

/** Content of which nothing is known before its end, and that can be read once. */
export function streamOf(bytes: Uint8Array): Content {
  let isRead = false
  return contentOf(bytes, {
    sizeBytes: null,
    sha256: null,
    open(from) {
      if (isRead) throw new Error('this can be read once')
      isRead = true
      return contentOf(bytes).open(from)
    },
  })
}

/** The same bytes in every process. */
export function patterned(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(Math.imul(at + 1, 2_654_435_761) >>> 0, at)
  return bytes
}
