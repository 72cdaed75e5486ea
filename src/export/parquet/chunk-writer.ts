import { ByteWriter } from 'hyparquet-writer'

/** No piece that is handed on is larger; a page's size, so that pieces are few. */
export const PIECE_BYTES_MAX: number = 1024 * 1024
/** Bytes of this length are handed on without a copy. */
const COPIED_BYTES_MAX = 64 * 1024

/**
 * Hands on what is written instead of keeping it, in pieces of at most {@link PIECE_BYTES_MAX}. A piece is valid only
 * until `write` returns: the next one may overwrite it.
 */
export class ChunkWriter extends ByteWriter {
  readonly #write: (bytes: Uint8Array) => void

  constructor(write: (bytes: Uint8Array) => void) {
    super(PIECE_BYTES_MAX)
    this.#write = write
  }

  /** Called before every write of `size` bytes, at most {@link COPIED_BYTES_MAX} of them. */
  override ensure(size: number): void {
    if (this.index + size > PIECE_BYTES_MAX) this.flush()
  }

  override appendBytes(value: Uint8Array): void {
    if (value.length <= COPIED_BYTES_MAX) {
      super.appendBytes(value)
      return
    }
    this.flush()
    for (let start = 0; start < value.length; start += PIECE_BYTES_MAX)
      this.#write(value.subarray(start, start + PIECE_BYTES_MAX))
    this.offset += value.length
  }

  flush(): void {
    if (this.index === 0) return
    this.#write(this.getBytes())
    this.index = 0
  }

  override finish(): void {
    this.flush()
  }
}
