/** A new file that several write, each at its own place. */
import { open } from 'node:fs/promises'
import { during } from './io-errors.ts'

/** Holds nothing open: between two writes of ours others write megabytes. */
export class OutputFile {
  readonly path: string
  /** Where the next bytes belong. */
  position = 0

  private constructor(path: string) {
    this.path = path
  }

  /** For its owner only. */
  static async create(path: string): Promise<OutputFile> {
    await during('write', path, async () => (await open(path, 'wx', 0o600)).close())
    return new OutputFile(path)
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
  }
}
