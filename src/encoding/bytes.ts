/** Bytes on their way, piece by piece. Whoever asks for the next piece is done with the one before it. */
import { createHash } from 'node:crypto'
import { throwIfCancelled } from '../errors.ts'

export type Bytes = AsyncIterable<Uint8Array>

/** What went by. */
export interface Seen {
  readonly sizeBytes: number
  /** SHA-256, hex. */
  readonly checksum: string
}

/** Counts and hashes what is read through it. */
export class Tap {
  readonly #hash = createHash('sha256')
  sizeBytes = 0

  async *through(bytes: Bytes): Bytes {
    for await (const piece of bytes) {
      this.#hash.update(piece)
      this.sizeBytes += piece.length
      yield piece
    }
  }

  /** Of all that has gone by. Only once. */
  seen(): Seen {
    return { sizeBytes: this.sizeBytes, checksum: this.#hash.digest('hex') }
  }
}

/** Ends with `CANCELLED` once `signal` is aborted. */
export async function* cancellable(bytes: Bytes, signal: AbortSignal): Bytes {
  for await (const piece of bytes) {
    throwIfCancelled(signal)
    yield piece
  }
}

/**
 * Pieces of exactly `size` bytes, the last one shorter. Nothing for nothing.
 *
 * @param newBlock gives the buffer for each, of `size` bytes
 */
export async function* inBlocks(bytes: Bytes, size: number, newBlock: () => Buffer): AsyncGenerator<Buffer> {
  let block = newBlock()
  let filled = 0
  for await (const piece of bytes) {
    for (let done = 0; done < piece.length;) {
      const part = piece.subarray(done, done + size - filled)
      block.set(part, filled)
      filled += part.length
      done += part.length
      if (filled < size) continue
      yield block
      block = newBlock()
      filled = 0
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
}
