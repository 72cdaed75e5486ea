import { type Durability, syncFile } from './durable.ts'

/** So much is worth a flush of its own: a disk takes some hundred milliseconds for it. */
const FLUSH_BYTES = 32 << 20

/** Has the disk begin with a file that is still being written, so that little is left to wait for at its end. */
export class FlushAhead {
  readonly #path: string
  readonly #durability: Durability
  #flushedTo = 0
  #flushing: Promise<void> | null = null

  constructor(path: string, durability: Durability) {
    this.#path = path
    this.#durability = durability
  }

  /** To be told of how many bytes are written. */
  reached(position: number): void {
    if (this.#flushing !== null || position - this.#flushedTo < FLUSH_BYTES) return
    this.#flushedTo = position
    const flushing = syncFile(this.#path, this.#durability).then(() => void (this.#flushing = null))
    flushing.catch(() => {}) // Told of by settled(); a failure stays there until then.
    this.#flushing = flushing
  }

  /**
   * To be asked before the last flush, and before the file is given up. Throws what a flush failed with: who was told
   * of that is the only one, as a later flush may say that all is well.
   */
  async settled(): Promise<void> {
    await this.#flushing
  }
}
