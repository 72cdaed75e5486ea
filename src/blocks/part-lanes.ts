/** Those who write the parts of an image side by side: whoever asks, and threads beside it where the image is large. */
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type Failure, fromFailure } from '../errors.ts'
import { type ImageOrder, type PartOrder, PartWriter } from './part-writer.ts'

/** Below this a thread takes longer to start than the image to write. */
const THREADS_FROM_BYTES = 32 << 20
/** Each takes some megabytes of memory, and soon all of them wait for the disk. */
const LANES_MAX = 3

export interface Lane extends AsyncDisposable {
  /** How many parts it is to be given at a time. */
  readonly atOnce: number
  /**
   * Writes a part, after those that it was given before. Throws `BACKUP_DAMAGED`, naming the pack, and {@link LaneEnded}
   * where it takes no parts any more: then another has to write this one, from its beginning.
   */
  write(part: PartOrder): Promise<void>
}

/** Says nothing of the part, nor of the image. */
export class LaneEnded extends Error {
  override readonly name = 'LaneEnded'
}

/** The first are to be given parts first: the last one, which never ends, keeps whoever hands them out from that. */
export function openLanes(order: ImageOrder, sizeBytes: number): Lane[] {
  const count = sizeBytes < THREADS_FROM_BYTES ? 1 : Math.min(LANES_MAX, availableParallelism())
  const threads = Array.from({ length: count - 1 }, () => new LaneOfThread(order))
  return [...threads, new LaneHere(order)]
}

export class LaneHere implements Lane {
  readonly atOnce = 1
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

const THREAD = new URL(`./part-thread${extname(import.meta.url)}`, import.meta.url)

/** A thread of its own; it ends when this is disposed of. Where none can be started, it takes no parts. */
export class LaneOfThread implements Lane {
  /** While we write a part ourselves, a thread that has done its own finds the next one waiting. */
  readonly atOnce = 2
  readonly #worker: Worker | null
  /** Of the parts that it has, in their order. */
  readonly #answers: PromiseWithResolvers<void>[] = []
  /** Why it takes no parts any more. */
  #ended: LaneEnded | null = null

  constructor(order: ImageOrder, thread: URL = THREAD) {
    this.#worker = this.#start(order, thread)
  }

  /** Null where the system gives no thread at once; otherwise it may say so later. */
  #start(order: ImageOrder, thread: URL): Worker | null {
    try {
      const worker = new Worker(thread, { workerData: order })
      worker.on('message', (failure: Failure | null) => {
        const answer = this.#answers.shift()
        if (failure === null) answer?.resolve()
        else answer?.reject(fromFailure(failure))
      })
      worker.on('error', error => this.#end(error))
      worker.on('exit', () => this.#end())
      return worker
    } catch (error) {
      this.#end(error)
      return null
    }
  }

  #end(cause?: unknown): void {
    this.#ended ??= new LaneEnded('The thread that writes the image has ended', { cause })
    for (const answer of this.#answers.splice(0)) answer.reject(this.#ended)
  }

  async write(part: PartOrder): Promise<void> {
    if (this.#ended !== null) throw this.#ended
    const answer = Promise.withResolvers<void>()
    this.#answers.push(answer)
    this.#worker?.postMessage(part)
    await answer.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Only once the thread has stopped may the caller close the image. What it has open is closed with it.
    await this.#worker?.terminate()
  }
}
