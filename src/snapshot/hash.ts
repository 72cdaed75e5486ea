/** SHA-256 of images and files, on another core where they are large. */
import { createHash } from 'node:crypto'
import { extname } from 'node:path'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { cancelled, type Failure, fromFailure, throwIfCancelled, toFailure } from '../errors.ts'
import { toTypedError } from '../storage/io-errors.ts'
import { type Image, imageSize, readImageRun, RUN_BYTES } from './image.ts'
import { PageTable } from './page-table.ts'

/** Below this a thread takes longer to start than the hash to compute. */
const THREAD_FROM_BYTES = 32 << 20
/** Progress is reported, and cancellation noticed, after so many bytes. */
const REPORT_BYTES = 16 << 20

export interface HashOptions {
  readonly signal: AbortSignal
  /** Called now and then with the bytes hashed so far. */
  readonly onBytes?: (doneBytes: number) => void
}

/** What the thread is given; the descriptors are this process's. */
export interface HashTask {
  readonly image: Omit<Image, 'wal'>
  readonly wal: { readonly fd: number; readonly leaves: [number, Uint32Array][] } | null
}

/** What the thread says: bytes done so far, then the digest or what went wrong. */
export type HashMessage =
  | { readonly doneBytes: number }
  | { readonly digest: string }
  | { readonly failure: Failure }

const THREAD = new URL(`./hash-thread${extname(import.meta.url)}`, import.meta.url)

/** SHA-256 of the image, hex. */
export async function hashImage(image: Image, options: HashOptions, thread: URL = THREAD): Promise<string> {
  throwIfCancelled(options.signal)
  const hashed = imageSize(image) < THREAD_FROM_BYTES ? null : await hashInThread(image, options, thread)
  return hashed ?? (await hashHere(image, options))
}

async function hashHere(image: Image, options: HashOptions): Promise<string> {
  const hash = new ImageHash(image)
  while (hash.step(REPORT_BYTES)) {
    options.onBytes?.(hash.doneBytes)
    await yieldToEvents()
    throwIfCancelled(options.signal)
  }
  return hash.digest()
}

/** SHA-256 of the first `size` bytes of a file that nobody writes, hex. */
export function hashFile(fd: number, size: number, path: string, options: HashOptions): Promise<string> {
  // A plain file is an image of one-byte pages without a WAL.
  return hashImage({ path, mainFd: fd, pageSize: 1, pageCount: size, wal: null }, options)
}

/** Hashes an image bit by bit, so that a thread can report and an event loop breathe between. */
class ImageHash {
  readonly #image: Image
  readonly #hash = createHash('sha256')
  readonly #run: Uint8Array
  doneBytes = 0

  constructor(image: Image) {
    this.#image = image
    this.#run = new Uint8Array(Math.min(RUN_BYTES, imageSize(image)))
  }

  /** Hashes at least `bytes` more; false once all is hashed. */
  step(bytes: number): boolean {
    const size = imageSize(this.#image)
    const until = Math.min(size, this.doneBytes + bytes)
    while (this.doneBytes < until) {
      const run = this.#run.subarray(0, Math.min(this.#run.length, size - this.doneBytes))
      readImageRun(this.#image, run, this.doneBytes)
      this.#hash.update(run)
      this.doneBytes += run.length
    }
    return this.doneBytes < size
  }

  digest(): string {
    return this.#hash.digest('hex')
  }
}

/** The thread's side: hashes what `task` names and tells `report`. */
export function runHashTask(task: HashTask, report: (message: HashMessage) => void): void {
  try {
    const wal = task.wal === null ? null : { fd: task.wal.fd, table: PageTable.fromLeaves(task.wal.leaves) }
    const hash = new ImageHash({ ...task.image, wal })
    while (hash.step(REPORT_BYTES)) report({ doneBytes: hash.doneBytes })
    report({ digest: hash.digest() })
  } catch (error) {
    report({ failure: toFailure(toTypedError(error, 'read', task.image.path)) })
  }
}

/** Null where the system has no thread for it, or not until the end. */
async function hashInThread(
  image: Image,
  { signal, onBytes }: HashOptions,
  thread: URL,
): Promise<string | null> {
  const { wal, ...rest } = image
  const task: HashTask = {
    image: rest,
    wal: wal === null ? null : { fd: wal.fd, leaves: wal.table.toLeaves() },
  }
  const worker = startThread(thread, task)
  if (worker === null) return null
  const { promise, resolve, reject } = Promise.withResolvers<string | null>()
  worker.on('message', (message: HashMessage) => {
    if ('doneBytes' in message) onBytes?.(message.doneBytes)
    else if ('digest' in message) resolve(message.digest)
    else reject(fromFailure(message.failure))
  })
  worker.on('error', () => resolve(null))
  worker.on('exit', () => resolve(null))
  const abort = (): void => reject(cancelled())
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', abort)
    // Only once the thread has stopped may the caller close the descriptors it reads.
    await worker.terminate()
  }
}

function startThread(thread: URL, task: HashTask): Worker | null {
  try {
    return new Worker(thread, { workerData: task })
  } catch {
    return null
  }
}
