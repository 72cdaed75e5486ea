import { close, closeSync, fchmod, fchmodSync, fsync, open, openSync, write, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { either } from './at-once.ts'

const opening = promisify(open)
const closing = promisify(close)
const writing = promisify(write)
const settingMode = promisify(fchmod)
const flushing = promisify(fsync)

/** A file of some kilobytes, or a directory, that is opened to be written or flushed: small calls, all but the flush. */
export class SmallFile implements AsyncDisposable {
  readonly #fd: number

  private constructor(fd: number) {
    this.#fd = fd
  }

  static async open(path: string, flags: number, mode?: number): Promise<SmallFile> {
    return new SmallFile(
      await either(
        () => openSync(path, flags, mode),
        () => opening(path, flags, mode),
      ),
    )
  }

  /** A full disk shows first as a short write without an error. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += await either(
        () => writeSync(this.#fd, bytes, done),
        async () => (await writing(this.#fd, bytes, done)).bytesWritten,
      )
    }
  }

  async setMode(mode: number): Promise<void> {
    await either(
      () => fchmodSync(this.#fd, mode),
      () => settingMode(this.#fd, mode),
    )
  }

  /** Flushes it to the disk. */
  async sync(): Promise<void> {
    await flushing(this.#fd)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await either(
      () => closeSync(this.#fd),
      () => closing(this.#fd),
    )
  }
}
