/** Writing through streams, one chunk after another, as fast as the slowest of them takes it. */
import { once } from 'node:events'
import { type Duplex, type Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { toTypedError } from './io-errors.ts'

export interface OutputStreamOptions {
  readonly transforms?: readonly Duplex[]
  /** Leaves the last stream open for others. */
  readonly isLastKept?: boolean
}

/**
 * A way for bytes: through `transforms` into `last`. The first error of any of them is what the next call, or the
 * one that waits, rejects with, as a typed error that names `path`.
 */
export class OutputStream {
  readonly #first: Writable
  /** What the last stream is given comes out of it; null where nothing is in between. */
  readonly #transform: Duplex | null
  readonly #last: Writable
  readonly #path: string
  readonly #isLastKept: boolean
  readonly #failed: Promise<never>
  /** Bytes that the last stream was given. */
  bytes = 0

  constructor(
    last: Writable,
    path: string,
    { transforms = [], isLastKept = false }: OutputStreamOptions = {},
  ) {
    const chain: readonly Writable[] = [...transforms, last]
    this.#first = chain[0] as Writable
    this.#transform = transforms.at(-1) ?? null
    this.#last = last
    this.#path = path
    this.#isLastKept = isLastKept
    const failed = Promise.withResolvers<never>()
    failed.promise.catch(() => {}) // Awaited with the next call.
    this.#failed = failed.promise
    for (const stream of chain) stream.on('error', failed.reject)
    for (const [index, transform] of transforms.entries()) {
      const next = chain[index + 1] as Writable
      transform.pipe(next, { end: next !== last || !isLastKept })
    }
    this.#transform?.on('data', (chunk: Buffer) => (this.bytes += chunk.length))
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    if (bytes.length === 0) return
    if (this.#transform === null) this.bytes += bytes.length
    const isTaken = this.#first.write(bytes)
    await this.#unlessFailed(isTaken ? undefined : once(this.#first, 'drain'))
  }

  /** Waits until everything has arrived. */
  async end(): Promise<void> {
    if (!this.#isLastKept) {
      this.#first.end()
      return this.#unlessFailed(finished(this.#last))
    }
    if (this.#transform !== null) {
      const ended = once(this.#transform, 'end')
      this.#first.end()
      await this.#unlessFailed(ended)
    }
    await this.#unlessFailed(written(this.#last))
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

/** Resolves once all that was written before has been: a write of nothing has its turn behind it. */
function written(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(Buffer.alloc(0), error => (error ? reject(error) : resolve()))
  })
}
