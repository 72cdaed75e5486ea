/**
 * Plain images of backups that had to be fetched or decoded, for those who look into the same one again in a moment: page
 * after page, table after table. Each lies in a directory of its own that only we can read, goes when nobody has used it for
 * a while, and when its keeper was killed it goes with all other abandoned work.
 */
import { WorkDirectory } from '../../catalog/work-directory.ts'
import { cancelled, throwIfCancelled } from '../../errors.ts'

/** As long as one reads a page before turning to the next. Plain data is not to lie there for longer. */
const IDLE_MS = 2 * 60_000
/** Two are compared, with two others. */
const IMAGES_MAX = 4
/** Of all of them; a larger one goes as soon as nobody uses it. */
const BYTES_MAX = 1 << 30

export interface KeptLimits {
  readonly idleMs?: number
  readonly imagesMax?: number
  readonly bytesMax?: number
}

/** An image that stays where it is until this is disposed of. */
export interface KeptImage extends AsyncDisposable {
  /** Of the plain file, which nobody may write. */
  readonly path: string
}

/** What it takes to make an image. */
export interface ImageOrder {
  /** The same for the same content, and for no other. */
  readonly key: string
  /** Where it may lie: a directory that nobody else can read. */
  readonly directory: string
  readonly sizeBytes: number
  /** Writes the image into a new file. */
  readonly write: (file: string, signal: AbortSignal) => Promise<void>
}

interface Made {
  readonly work: WorkDirectory
  readonly path: string
}

interface Entry {
  readonly key: string
  readonly sizeBytes: number
  readonly made: Promise<Made>
  /** Aborted when nobody waits for it any more. */
  readonly abandoned: AbortController
  users: number
  isMade: boolean
  timer: NodeJS.Timeout | undefined
}

export class KeptImages implements AsyncDisposable {
  /** The one that was used last is the last. */
  readonly #entries = new Map<string, Entry>()
  readonly #limits: Required<KeptLimits>
  #isClosed = false

  constructor({ idleMs = IDLE_MS, imagesMax = IMAGES_MAX, bytesMax = BYTES_MAX }: KeptLimits = {}) {
    this.#limits = { idleMs, imagesMax, bytesMax }
  }

  /** The image of that key, made unless it is there or just being made. A failure is not kept. Throws `CANCELLED`. */
  async open(order: ImageOrder, signal: AbortSignal): Promise<KeptImage> {
    if (signal.aborted || this.#isClosed) throw cancelled()
    const entry = this.#entries.get(order.key) ?? this.#begin(order)
    entry.users += 1
    clearTimeout(entry.timer)
    const isCancelled = Promise.withResolvers<never>()
    const cancel = (): void => isCancelled.reject(cancelled())
    signal.addEventListener('abort', cancel, { once: true })
    try {
      const { path } = await Promise.race([entry.made, isCancelled.promise])
      return { path, [Symbol.asyncDispose]: () => this.#release(entry) }
    } catch (error) {
      await this.#release(entry)
      throw error
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

  /** Removes all of them, whoever uses them, and makes none any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#entries.values()].map(entry => this.#remove(entry)))
  }

  #begin(order: ImageOrder): Entry {
    const { key, sizeBytes } = order
    const abandoned = new AbortController()
    const made = this.#makeRoom(sizeBytes).then(() => make(order, abandoned.signal))
    const entry: Entry = { key, sizeBytes, made, abandoned, users: 0, isMade: false, timer: undefined }
    this.#entries.set(key, entry)
    made.then(
      () => (entry.isMade = true),
      () => this.#forget(entry),
    )
    return entry
  }

  async #release(entry: Entry): Promise<void> {
    entry.users -= 1
    if (entry.users > 0 || this.#entries.get(entry.key) !== entry) return
    if (!entry.isMade) return await this.#remove(entry)
    this.#entries.delete(entry.key)
    this.#entries.set(entry.key, entry)
    entry.timer = setTimeout(() => void this.#remove(entry), this.#limits.idleMs).unref()
    await this.#makeRoom(null)
  }

  /** Removes those that nobody uses, the longest unused first, until the others are within the limits, with one to come. */
  async #makeRoom(comingBytes: number | null): Promise<void> {
    const { imagesMax, bytesMax } = this.#limits
    const kept = [...this.#entries.values()]
    let count = kept.length + (comingBytes === null ? 0 : 1)
    let bytes = kept.reduce((sum, { sizeBytes }) => sum + sizeBytes, comingBytes ?? 0)
    const leaving: Promise<void>[] = []
    for (const entry of kept.filter(({ users }) => users === 0)) {
      if (count <= imagesMax && bytes <= bytesMax) break
      leaving.push(this.#remove(entry))
      count -= 1
      bytes -= entry.sizeBytes
    }
    await Promise.all(leaving)
  }

  async #remove(entry: Entry): Promise<void> {
    this.#forget(entry)
    entry.abandoned.abort()
    const made = await entry.made.catch(() => null)
    await made?.work[Symbol.asyncDispose]()
  }

  #forget(entry: Entry): void {
    clearTimeout(entry.timer)
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key)
  }
}

async function make({ directory, write }: ImageOrder, signal: AbortSignal): Promise<Made> {
  const work = await WorkDirectory.open(directory, signal)
  try {
    // Who is told of it once, and not before it listens, would write on for nobody.
    throwIfCancelled(signal)
    const path = work.file('image.db')
    await write(path, signal)
    return { work, path }
  } catch (error) {
    await work[Symbol.asyncDispose]()
    throw error
  }
}
