/** Rows with large blobs: their values come as they are, and are encoded in pieces that stay in the processor's cache. */
import type { SQLOutputValue } from 'node:sqlite'
import type { BlobForm, RowEncoder, RowParts } from '../export/encode/encoder.ts'
import { bufferOf } from '../export/encode/text.ts'
import { freeBytes } from '../export/free-bytes.ts'
import {
  bytesOf,
  bytesSql,
  isRight,
  LENGTH_MAX,
  tooBig,
  type Row,
  type RowOutput,
} from './export-row-bytes.ts'

/** SQLite returns two thousand values in a row at most; of each cell there are two. */
const CELLS_MAX = 900
/** A multiple of 6, so that base64 and pairs of bytes come out even. The string of one is small enough for V8 to drop at once. */
const PIECE_BYTES = 24 << 10

export class LargeRows {
  readonly #encoder: RowEncoder
  readonly #parts: RowParts
  readonly #asStored: boolean

  private constructor(encoder: RowEncoder, parts: RowParts, asStored: boolean) {
    this.#encoder = encoder
    this.#parts = parts
    this.#asStored = asStored
  }

  /** Null where rows have to be encoded as a whole. */
  static for(encoder: RowEncoder, asStored: boolean): LargeRows | null {
    const { parts } = encoder
    return parts === null || parts.cells.length > CELLS_MAX ? null : new LargeRows(encoder, parts, asStored)
  }

  /** Two results a cell: the text of a value that is no blob, or a blob. */
  get sql(): string {
    const cells = this.#parts.cells.map(({ sql, value, carefulValue }) => {
      const text = bytesSql(this.#asStored ? value : carefulValue, this.#asStored)
      return `${text},CASE typeof(${sql}) WHEN 'blob' THEN ${sql} END`
    })
    return cells.join(',')
  }

  /** Writes a row, of which the first value is not ours; false when it needs care. */
  write(row: Row, out: RowOutput): boolean {
    const { cells, open, close, blob } = this.#parts
    const values = cells.map((_cell, i) => valueOf(row[1 + 2 * i] ?? null, row[2 + 2 * i] ?? null))
    if (this.#asStored && !values.every(({ text }) => text === null || isRight(text, this.#encoder)))
      return false
    requireFitting(values, blob)
    out.begin(1)
    out.add(Buffer.from(open))
    for (const [i, { text, bytes }] of values.entries()) {
      out.add(Buffer.from(cells[i]?.before ?? ''))
      if (text !== null) out.add(text)
      else addBlob(bytes, blob, out)
      freeBytes(text ?? bytes)
    }
    out.add(Buffer.from(close))
    return true
  }
}

interface Value {
  readonly text: Uint8Array | null
  readonly bytes: Uint8Array
}

const NOTHING = new Uint8Array(0)

function valueOf(text: SQLOutputValue, blob: SQLOutputValue): Value {
  if (text !== null) return { text: bytesOf(text), bytes: NOTHING }
  return { text: null, bytes: blob instanceof Uint8Array ? blob : NOTHING }
}

/** Whoever reads a row of more has to have it whole, too: the limit is that of a row which SQL encodes. */
function requireFitting(values: readonly Value[], { as }: BlobForm): void {
  const factor = as === 'hex' ? 2 : 4 / 3
  const length = values.reduce((sum, { text, bytes }) => sum + (text?.length ?? bytes.length * factor), 0)
  if (length > LENGTH_MAX) throw tooBig()
}

function addBlob(bytes: Uint8Array, { before, as, after }: BlobForm, out: RowOutput): void {
  out.add(Buffer.from(before))
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    const piece = bytes.subarray(from, from + PIECE_BYTES)
    if (as === 'hex') out.add(hexOf(piece))
    else out.add(base64.subarray(0, base64.write(bufferOf(piece).toString('base64'), 'latin1')))
  }
  out.add(Buffer.from(after))
}

const base64 = Buffer.allocUnsafeSlow((PIECE_BYTES / 3) * 4)

const DIGITS = '0123456789ABCDEF'
/** The digits of every two bytes, as this machine has them in memory: half again as fast as `hex()`, and without its copies. */
let pairs: Uint32Array | null = null
const hexWords = new Uint32Array(PIECE_BYTES / 2)
const hex = Buffer.from(hexWords.buffer)

/** Valid until the next call. */
function hexOf(bytes: Uint8Array): Uint8Array {
  pairs ??= makePairs()
  // What SQLite gave us begins where its memory begins, and so does every piece of it; so it is aligned.
  const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1)
  for (let i = 0; i < words.length; i++) hexWords[i] = pairs[words[i] as number] as number
  if (bytes.length % 2 === 1)
    hex.write(hexDigits(bytes[bytes.length - 1] as number), (bytes.length - 1) * 2, 'latin1')
  return hex.subarray(0, bytes.length * 2)
}

/** Some milliseconds of each export's time, so the loop does no more than it has to. */
function makePairs(): Uint32Array {
  const digits = new Uint16Array(256)
  const text = Buffer.from(digits.buffer)
  for (let byte = 0; byte < 256; byte++) text.write(hexDigits(byte), byte * 2, 'latin1')
  const words = new Uint16Array(1 << 16)
  for (let word = 0; word < words.length; word++) words[word] = word
  const bytes = new Uint8Array(words.buffer)
  const made = new Uint16Array(bytes.length)
  for (let i = 0; i < bytes.length; i++) made[i] = digits[bytes[i] as number] as number
  return new Uint32Array(made.buffer)
}

function hexDigits(byte: number): string {
  return (DIGITS[byte >> 4] ?? '') + (DIGITS[byte & 15] ?? '')
}
