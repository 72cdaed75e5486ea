/** Those who write the parts of an image side by side: threads where it is large, otherwise whoever asks. */
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type Failure, fromFailure } from '../errors.ts'
import { type ImageOrder, type PartOrder, PartWriter } from './part-writer.ts'

/** Below this threads take longer to start than the image to write. */
const THREADS_FROM_BYTES = 32 << 20
/** Each takes some megabytes of memory; more of them wait for the disk. */
const THREADS_MAX = 2

/** Writes one part after another. */
export interface Lane extends AsyncDisposable {
  /** Throws `BACKUP_DAMAGED`, naming the pack. */
  write(part: PartOrder): Promise<void>
}

export function openLanes(order: ImageOrder, sizeBytes: number): Lane[] {
  if (sizeBytes < THREADS_FROM_BYTES) return [new LaneHere(order)]
  const count = Math.min(THREADS_MAX, availableParallelism())
  return Array.from({ length: count }, () => new LaneOfThread(order))
}

class LaneHere implements Lane {
  readonly #writer: PartWriter

  constructor(order: ImageOrder) {
    this.#writer = new PartWriter(order)
  }

  async write(part: PartOrder): Promise<void> {
    this.#writer.write(part)
    await yieldToEvents()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#writer[Symbol.dispose]()
  }
}

class LaneOfThread implements Lane {
  readonly #worker: Worker
  /** Of the part that is being written. */
  #answer: PromiseWithResolvers<void> | null = null
  /** Why it takes no parts any more. */
  #ended: unknown = null

  constructor(order: ImageOrder) {
    const thread = new URL(`./part-thread${extname(import.meta.url)}`, import.meta.url)
    this.#worker = new Worker(thread, { workerData: order })
    this.#worker.on('message', (failure: Failure | null) => {
      if (failure === null) this.#answer?.resolve()
      else this.#answer?.reject(fromFailure(failure))
    })
    this.#worker.on('error', error => this.#end(error))
    this.#worker.on('exit', () => this.#end(new Error('The thread that writes the image has ended')))
  }

  #end(error: unknown): void {
    this.#ended ??= error
    this.#answer?.reject(error)
  }

  async write(part: PartOrder): Promise<void> {
    if (this.#ended !== null) throw this.#ended
    this.#answer = Promise.withResolvers()
    this.#worker.postMessage(part)
    await this.#answer.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Only once the thread has stopped may the caller close the image. What it has open is closed with it.
    await this.#worker.terminate()
  }
}
