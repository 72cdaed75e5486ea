/**
 * zstd as `zstd -d` reads it: one frame for each block of the image, one after another, each with a checksum of its
 * content. Node's own streams fail with zstd's threads, and with independent frames they are not needed: the blocks
 * are compressed side by side in the thread pool.
 */
import { once } from 'node:events'
import { constants, createZstdDecompress, type ZstdDecompress } from 'node:zlib'
import { type Bytes, inBlocks } from './bytes.ts'
import type { ZstdSettings } from './settings.ts'
import { Turns } from './turns.ts'
import { Undecodable } from './undecodable.ts'
import { compressFrame } from './zstd-frame.ts'

/** The window of the default level, so that little is lost where a block begins; a few of them fit in memory. */
const BLOCK_BYTES = 2 << 20
/** So many more are read meanwhile, for the threads to go on with while what they have made is written. */
const BLOCKS_AHEAD = 2
/** What decompression hands out at a time. */
const PIECE_BYTES = 1 << 20

export async function* compress(image: Bytes, { level, threads }: ZstdSettings): Bytes {
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 }
  const turns = new Turns(threads)
  const waiting: Promise<Buffer>[] = []
  // Used again: new memory takes a while to be had, and to be given back.
  const free: Buffer[] = []
  const begin = (block: Buffer): void => {
    const compressed = turns.take(() => compressFrame(block, params)).finally(() => free.push(block))
    compressed.catch(() => {}) // Awaited in its turn; until then a failure must not count as unhandled.
    waiting.push(compressed)
  }
  const newBlock = (): Buffer => free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES)
  let isEmpty = true
  try {
    for await (const block of inBlocks(image, BLOCK_BYTES, newBlock)) {
      isEmpty = false
      begin(block)
      if (waiting.length > threads + BLOCKS_AHEAD) yield await (waiting.shift() as Promise<Buffer>)
    }
    // An empty image is one empty frame: no bytes at all are no zstd file.
    if (isEmpty) begin(Buffer.alloc(0))
    while (waiting.length > 0) yield await (waiting.shift() as Promise<Buffer>)
  } finally {
    // The pool goes on with what it has begun.
    await Promise.allSettled(waiting)
  }
}

/** Throws {@link Undecodable}, also for a file that ends too early, or goes on with something else. */
export async function* decompress(stored: Bytes): Bytes {
  const stream = createZstdDecompress({ chunkSize: PIECE_BYTES })
  // Whoever reads it learns of an error, but one may come when nobody reads it any more.
  stream.on('error', () => {})
  const feeding = feed(stream, stored)
  feeding.catch(() => {}) // Awaited below.
  try {
    yield* stream as AsyncIterable<Buffer>
    const fedBytes = await feeding
    // Node stops without a word where what follows a frame is none.
    if (stream.bytesWritten !== fedBytes) throw new Undecodable('not valid zstd: something follows its end')
  } catch (error) {
    if (isZstdError(error)) throw new Undecodable(`not valid zstd: ${error.message}`)
    throw error
  } finally {
    stream.destroy()
    await feeding.catch(() => {})
  }
}

/** Writes bytes into a stream as it takes them; returns how many. Their own failure becomes the stream's. */
async function feed(stream: ZstdDecompress, bytes: Bytes): Promise<number> {
  // Of a stream that has failed nobody answers the write that is under way.
  const closed = once(stream, 'close').catch(() => {})
  let fedBytes = 0
  try {
    for await (const piece of bytes) {
      const written = new Promise<void>(resolve => void stream.write(piece, () => resolve()))
      await Promise.race([written, closed])
      if (stream.destroyed) break
      fedBytes += piece.length
    }
    stream.end()
  } catch (error) {
    stream.destroy(error instanceof Error ? error : new Error(String(error)))
  }
  return fedBytes
}

function isZstdError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && /^(?:ZSTD_|Z_)/.test(String(error.code))
}
