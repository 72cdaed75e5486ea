/** Writing through streams, one chunk after another, as fast as the slowest of them takes it. */
import { once } from 'node:events'
import { type Duplex, type Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { toTypedError } from './io-errors.ts'

/**
 * A way for bytes: through `transforms` into `last`. The first error of any of them is what the next call, or the
 * one that waits, rejects with, as a typed error that names `path`.
 */
export class OutputStream {
  readonly #first: Writable
  readonly #last: Writable
  readonly #path: string
  readonly #failed: Promise<never>
  /** Bytes that were handed in. */
  bytes = 0

  constructor(last: Writable, path: string, transforms: readonly Duplex[] = []) {
    const chain: readonly Writable[] = [...transforms, last]
    this.#first = chain[0] as Writable
    this.#last = last
    this.#path = path
    const failed = Promise.withResolvers<never>()
    failed.promise.catch(() => {}) // Awaited with the next call.
    this.#failed = failed.promise
    for (const stream of chain) stream.on('error', failed.reject)
    transforms.forEach((transform, index) => transform.pipe(chain[index + 1] as Writable))
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    if (bytes.length === 0) return
    this.bytes += bytes.length
    const isTaken = this.#first.write(bytes)
    await this.#unlessFailed(isTaken ? undefined : once(this.#first, 'drain'))
  }

  /** Waits until everything has arrived; `isLastKept` leaves the last stream open for others. */
  async end({ isLastKept = false }: { readonly isLastKept?: boolean } = {}): Promise<void> {
    if (!isLastKept) {
      this.#first.end()
      return this.#unlessFailed(finished(this.#last))
    }
    if (this.#first === this.#last) return this.#unlessFailed(drained(this.#last))
    const transforms = this.#first as Duplex
    const ended = once(transforms, 'end')
    transforms.end()
    await this.#unlessFailed(ended)
    await this.#unlessFailed(drained(this.#last))
  }

  async #unlessFailed(work: Promise<unknown> | undefined): Promise<void> {
    try {
      // A tick even without work, so that an error of this very write is seen with it where it can be.
      await Promise.race([work, this.#failed])
    } catch (error) {
      throw toTypedError(error, 'write', this.#path)
    }
  }
}

function drained(stream: Writable): Promise<unknown> | undefined {
  return stream.writableNeedDrain ? once(stream, 'drain') : undefined
}
