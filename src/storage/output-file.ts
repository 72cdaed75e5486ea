/** A new file that several write, each at its own place. */
import { open } from 'node:fs/promises'
import { type Durability, syncFile } from './durable.ts'
import { during } from './io-errors.ts'

/** So much is worth a flush of its own: a disk takes some hundred milliseconds for it. */
const FLUSH_BYTES = 32 << 20

/** Holds nothing open: between two writes of ours others write megabytes. */
export class OutputFile {
  readonly path: string
  /** Where the next bytes belong. */
  position = 0
  readonly #durability: Durability
  #flushedTo = 0
  #flushing: Promise<void> | null = null

  private constructor(path: string, durability: Durability) {
    this.path = path
    this.#durability = durability
  }

  /** For its owner only. */
  static async create(path: string, durability: Durability): Promise<OutputFile> {
    await during('write', path, async () => (await open(path, 'wx', 0o600)).close())
    return new OutputFile(path, durability)
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    if (bytes.length === 0) return
    await during('write', this.path, async () => {
      await using handle = await open(this.path, 'r+')
      // A full disk shows first as a short write without an error.
      for (let done = 0; done < bytes.length;) {
        done += (await handle.write(bytes, done, bytes.length - done, this.position + done)).bytesWritten
      }
    })
    this.position += bytes.length
  }

  /** Leaves room for what another process writes. */
  skip(bytes: number): void {
    this.position += bytes
    if (this.#flushing === null && this.position - this.#flushedTo >= FLUSH_BYTES) this.#flushAhead()
  }

  /** Flushes all of it, once nobody writes any more. */
  async sync(): Promise<void> {
    // Who was told of a failure is the only one: a later flush may say that all is well.
    await this.#flushing
    await syncFile(this.path, this.#durability)
  }

  /** Has the disk begin while more is written, so that little is left to wait for at the end. */
  #flushAhead(): void {
    this.#flushedTo = this.position
    const flushing = syncFile(this.path, this.#durability).then(() => void (this.#flushing = null))
    flushing.catch(() => {}) // Awaited at the end; a failure stays there until then.
    this.#flushing = flushing
  }
}
