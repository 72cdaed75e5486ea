/** A ZIP archive, written file after file without knowing how large they get. */
import { PassThrough, type Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { ZipFile } from 'yazl'

/** A regular file that only its owner reads and writes. */
const ENTRY_MODE = 0o100600
const LEVEL = 6

export interface ZipOptions {
  /** Of every file in it. With one content and one time zone, archives of the same time are equal. */
  readonly mtime: Date
  /** 0 (stored) to 9; default 6. */
  readonly level?: number
}

/**
 * Writes an archive to `output`, which it ends. A failure of `output` also destroys the file that is being added, so
 * that whoever writes to it learns of it; a file that is destroyed before its end fails the archive.
 */
export class ZipOutput {
  readonly #zip = new ZipFile()
  readonly #options: ZipOptions
  readonly #written: Promise<void>
  #current: PassThrough | null = null
  #failure: { readonly reason: unknown } | null = null

  constructor(output: Writable, options: ZipOptions) {
    this.#options = options
    const archive = this.#zip.outputStream as PassThrough
    this.#zip.on('error', error => archive.destroy(error))
    this.#written = pipeline(archive, output)
    // It is end() that rejects.
    this.#written.catch((error: unknown) => this.#fail(error))
  }

  /**
   * Starts a file; the one before must have been ended. Its content is what is written to the stream.
   *
   * @param name relative, with `/` between directories.
   */
  addFile(name: string): Writable {
    if (this.#isAdding) throw new Error('The file before has not been ended')
    const file = new PassThrough()
    this.#current = file
    finished(file).catch((error: unknown) => this.#fail(error))
    if (this.#failure !== null) {
      file.destroy(asError(this.#failure.reason))
      return file
    }
    this.#zip.addReadStream(file, name, {
      mtime: this.#options.mtime,
      mode: ENTRY_MODE,
      compressionLevel: this.#options.level ?? LEVEL,
    })
    return file
  }

  /** Ends the archive. Resolves once `output` has all of it; rejects with the first failure of the archive or of a file. */
  async end(): Promise<void> {
    if (this.#current?.writableEnded === false)
      this.#fail(new Error('A file of the archive has not been ended'))
    if (this.#failure === null) this.#zip.end()
    try {
      await this.#written
    } catch (error) {
      throw asError(this.#failure?.reason ?? error)
    }
  }

  get #isAdding(): boolean {
    return this.#current !== null && !this.#current.writableEnded && !this.#current.destroyed
  }

  #fail(reason: unknown): void {
    if (this.#failure !== null) return
    this.#failure = { reason }
    const error = asError(reason)
    this.#current?.destroy(error)
    ;(this.#zip.outputStream as PassThrough).destroy(error)
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}
