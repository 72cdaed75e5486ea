import { isUtf8 } from 'node:buffer'
import { Malformed } from './malformed.ts'

/** What V8 can hold as one string (2^29 - 24 characters); a row or a statement is read as one. */
const PIECE_BYTES_MAX = 2 ** 29 - 24

/** Collects a piece whose bytes come in several chunks. The chunks may be overwritten once they were added. */
export class PieceBuffer {
  #parts: Buffer[] = []
  #length = 0

  get isEmpty(): boolean {
    return this.#length === 0
  }

  /** Keeps a copy of what `chunk` has of the piece, which goes on in the next one. */
  add(part: Buffer): void {
    if (part.length === 0) return
    this.#length += part.length
    if (this.#length > PIECE_BYTES_MAX) {
      throw new Malformed('one row or statement is longer than half a gigabyte, which cannot be read')
    }
    this.#parts.push(Buffer.from(part))
  }

  /** The whole piece, of which `last` is the end; empty again after that. */
  take(last: Buffer): Buffer {
    if (this.#length === 0) return last
    const whole = Buffer.concat([...this.#parts, last])
    this.clear()
    return whole
  }

  clear(): void {
    this.#parts = []
    this.#length = 0
  }
}

const LINE_FEED = 10

/** Cuts a stream of bytes into lines, without their line feeds. */
export class LineCutter {
  readonly #onLine: (line: Buffer) => void
  readonly #pending = new PieceBuffer()

  constructor(onLine: (line: Buffer) => void) {
    this.#onLine = onLine
  }

  write(chunk: Buffer): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start)
      if (end === -1) break
      this.#onLine(this.#pending.take(chunk.subarray(start, end)))
      start = end + 1
    }
    this.#pending.add(chunk.subarray(start))
  }

  /** Hands over a last line that has no line feed. */
  end(): void {
    if (!this.#pending.isEmpty) this.#onLine(this.#pending.take(Buffer.alloc(0)))
  }
}

/** The text that `bytes` are; they must be UTF-8. */
export function decode(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Malformed('these bytes are not UTF-8')
  return bytes.toString('utf8')
}
