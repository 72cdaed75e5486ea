import { Malformed, shown } from './malformed.ts'
import { decode, PieceBuffer } from './pieces.ts'

/** What an export in one JSON document consists of, in the order in which it comes. */
export interface DocumentEvents {
  /** A value beside the tables, such as the metadata, as JSON text of an object. */
  value(key: string, text: string): void
  table(name: string): void
  /** One row, as JSON text of an object. */
  row(text: string): void
  tablesEnd(): void
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN = 0x7b
const CLOSE = 0x7d
/** Ours have four levels within a value; a file that has thousands is not ours. */
const DEPTH_MAX = 64

type Level = 'document' | 'tables' | 'rows'
/** What may come next: `item` a key or a row, `first` that or the end. */
type Expected = 'open' | 'first' | 'item' | 'colon' | 'value' | 'separator' | 'nothing'

/**
 * Cuts a JSON document, however it is laid out, into keys, values and rows. It holds no more than one of them,
 * and looks at each byte once.
 */
export class DocumentCutter {
  readonly #events: DocumentEvents
  readonly #piece = new PieceBuffer()
  #level: Level = 'document'
  #expected: Expected = 'open'
  #key = ''
  #isInPiece = false
  #isInString = false
  #isEscaped = false
  #depth = 0
  #passed = 0

  constructor(events: DocumentEvents) {
    this.#events = events
  }

  write(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#isInPiece) {
        const end = this.#endOfPiece(chunk, at)
        if (end === -1) {
          this.#piece.add(chunk.subarray(at))
          break
        }
        const piece = this.#piece.take(chunk.subarray(at, end))
        at = end
        this.#isInPiece = false
        this.#take(decode(piece))
      } else if (this.#structure(chunk[at] ?? 0, this.#passed + at)) {
        at++
      }
    }
    this.#passed += chunk.length
  }

  end(): void {
    if (this.#expected !== 'nothing') throw new Malformed('it ends too soon', `byte ${this.#passed}`)
  }

  /** Deals with a byte between pieces; false when a piece begins with it. */
  #structure(byte: number, position: number): boolean {
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return true
    const expected = this.#expected
    const isItem = expected === 'first' || expected === 'item'
    if (expected === 'open' && byte === OPEN) {
      this.#expected = 'first'
    } else if (expected === 'separator' && byte === COMMA) {
      this.#expected = 'item'
    } else if (expected === 'colon' && byte === COLON) {
      this.#expected = 'value'
    } else if (
      (expected === 'first' || expected === 'separator') &&
      byte === (this.#level === 'rows' ? CLOSE_ARRAY : CLOSE)
    ) {
      this.#leave()
    } else if (
      expected === 'value' &&
      byte === OPEN &&
      this.#level === 'document' &&
      this.#key === 'tables'
    ) {
      this.#level = 'tables'
      this.#expected = 'first'
    } else if (expected === 'value' && byte === OPEN_ARRAY && this.#level === 'tables') {
      this.#level = 'rows'
      this.#expected = 'first'
      this.#events.table(this.#key)
    } else if (
      (isItem && byte === (this.#level === 'rows' ? OPEN : QUOTE)) ||
      (expected === 'value' && byte === OPEN && this.#level === 'document')
    ) {
      this.#isInPiece = true
      this.#depth = 0
      return false
    } else {
      throw new Malformed(`unexpected ${shown(String.fromCharCode(byte))}`, `byte ${position}`)
    }
    return true
  }

  #leave(): void {
    if (this.#level === 'document') {
      this.#expected = 'nothing'
      return
    }
    if (this.#level === 'tables') this.#events.tablesEnd()
    this.#level = this.#level === 'rows' ? 'tables' : 'document'
    this.#expected = 'separator'
  }

  #take(text: string): void {
    if (this.#level === 'rows') {
      this.#expected = 'separator'
      this.#events.row(text)
    } else if (this.#expected === 'value') {
      this.#expected = 'separator'
      this.#events.value(this.#key, text)
    } else {
      this.#expected = 'colon'
      this.#key = parseKey(text)
    }
  }

  /** Where the piece ends that goes on at `at`; -1 when it goes beyond the chunk. */
  #endOfPiece(chunk: Buffer, at: number): number {
    for (let index = at; index < chunk.length; index++) {
      const byte = chunk[index]
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (byte === BACKSLASH) this.#isEscaped = true
        else if (byte === QUOTE) {
          this.#isInString = false
          if (this.#depth === 0) return index + 1
        }
      } else if (byte === QUOTE) {
        this.#isInString = true
      } else if (byte === OPEN || byte === OPEN_ARRAY) {
        if (++this.#depth > DEPTH_MAX) {
          throw new Malformed('it is nested too deeply', `byte ${this.#passed + index}`)
        }
      } else if (byte === CLOSE || byte === CLOSE_ARRAY) {
        if (--this.#depth === 0) return index + 1
      }
    }
    return -1
  }
}

function parseKey(text: string): string {
  try {
    return JSON.parse(text) as string
  } catch {
    throw new Malformed(`not a JSON string: ${shown(text)}`)
  }
}
