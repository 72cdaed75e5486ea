import { closeSync, constants, fchmodSync, ftruncateSync, openSync } from 'node:fs'
import { toTypedError } from '../storage/io-errors.ts'

/** A staged file of ours, opened for writing, mode 0600; closed by `using`. */
export class WritableFile implements Disposable {
  readonly fd: number
  readonly path: string

  /** Opens a file that is there, or makes it. */
  constructor(path: string) {
    this.path = path
    try {
      this.fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    } catch (error) {
      throw toTypedError(error, 'open', path)
    }
    try {
      fchmodSync(this.fd, 0o600)
    } catch (error) {
      closeSync(this.fd)
      throw toTypedError(error, 'set the mode of', path)
    }
  }

  setSize(bytes: number): void {
    try {
      ftruncateSync(this.fd, bytes)
    } catch (error) {
      throw toTypedError(error, 'set the size of', this.path)
    }
  }

  /** Throws when closing fails: on some file systems it is only then that a write turns out to have failed. */
  [Symbol.dispose](): void {
    try {
      closeSync(this.fd)
    } catch (error) {
      throw toTypedError(error, 'close', this.path)
    }
  }
}
