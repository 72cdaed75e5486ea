/** A new file that several write, each at its own place. */
import { open } from 'node:fs/promises'
import { type Durability, syncFile } from './durable.ts'
import { FlushAhead } from './flush-ahead.ts'
import { during } from './io-errors.ts'

/** Holds nothing open: between two writes of ours others write megabytes. */
export class OutputFile {
  readonly path: string
  /** Where the next bytes belong. */
  position = 0
  readonly #durability: Durability
  readonly #ahead: FlushAhead

  private constructor(path: string, durability: Durability) {
    this.path = path
    this.#durability = durability
    this.#ahead = new FlushAhead(path, durability)
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
    this.#ahead.reached(this.position)
  }

  /** Flushes all of it, once nobody writes any more. */
  async sync(): Promise<void> {
    await this.#ahead.settled()
    await syncFile(this.path, this.#durability)
  }
}
