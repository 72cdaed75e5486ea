/** Where encoded rows go: to the pipe, or straight into the file of the export, perhaps once it is known where in it. */
import { closeSync, openSync } from 'node:fs'
import { toTypedError } from '../storage/io-errors.ts'
import { type OpenFile, writeFully } from '../storage/transfer.ts'
import type { FilePlace } from './requests.ts'

/** A call of the system for less costs more than the copying. */
const BUFFER_BYTES = 512 << 10
/** What is held until its place is known. */
const HELD_BYTES_MAX = 4 << 20

export class RowDestination {
  readonly #held: Buffer[] = []
  #buffer = takeBuffer()
  #used = 0
  #file: OpenFile | null = null
  /** Null in a pipe. */
  #position: number | null = null
  /** What goes before the first bytes at the place. */
  #before = ''

  /** @param to `held`: nowhere until {@link place} says it */
  constructor(to: 'pipe' | 'held' | FilePlace, pipe: OpenFile) {
    if (to === 'pipe') this.#file = pipe
    else if (to !== 'held') this.place(to)
  }

  /** Whether no more may be written before the place is known. */
  get isFull(): boolean {
    return this.#file === null && this.#held.length * BUFFER_BYTES >= HELD_BYTES_MAX
  }

  /** Takes what is in `bytes` now; the caller may reuse them. */
  write(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      if (this.#used === BUFFER_BYTES) this.#turn()
      const count = Math.min(bytes.length - from, BUFFER_BYTES - this.#used)
      this.#buffer.set(count === bytes.length ? bytes : bytes.subarray(from, from + count), this.#used)
      this.#used += count
      from += count
    }
  }

  place({ path, position, before }: FilePlace): void {
    try {
      this.#file = { fd: openSync(path, 'r+'), path }
    } catch (error) {
      throw toTypedError(error, 'write', path)
    }
    this.#position = position
    this.#before = before
    for (const buffer of this.#held.splice(0)) {
      this.#put(buffer)
      spare.push(buffer)
    }
  }

  /** Writes what is left. Without a place it stays held. */
  flush(): void {
    if (this.#file !== null && this.#used > 0) this.#turn()
  }

  [Symbol.dispose](): void {
    spare.push(this.#buffer, ...this.#held)
    spare.splice(SPARE_MAX)
    if (this.#file !== null && this.#position !== null) closeSync(this.#file.fd)
  }

  #turn(): void {
    if (this.#file === null) {
      this.#held.push(this.#buffer)
      this.#buffer = takeBuffer()
    } else this.#put(this.#buffer.subarray(0, this.#used))
    this.#used = 0
  }

  #put(bytes: Uint8Array): void {
    const before = this.#before
    this.#before = ''
    if (before !== '') this.#put(Buffer.from(before))
    writeFully(this.#file as OpenFile, bytes, this.#position)
    if (this.#position !== null) this.#position += bytes.length
  }
}

/** Memory that was used already need not be made anew. */
const spare: Buffer[] = []
const SPARE_MAX = HELD_BYTES_MAX / BUFFER_BYTES + 2

function takeBuffer(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
}
