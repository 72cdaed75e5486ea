/** Whole numbers in as few bytes as they need: seven bits a byte, the lowest first, the highest bit set in all but the last. */

/** Collects numbers; memory grows with what is written. */
export class VarintWriter {
  #bytes = Buffer.allocUnsafe(1 << 12)
  #length = 0

  /** @param value 0 to 2^53 − 1 */
  put(value: number): void {
    if (this.#length + 8 > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes], this.#bytes.length * 2)
    }
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#length++] = rest
  }

  /** What was written so far, without a copy. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}

/** Reads what {@link VarintWriter} wrote. */
export class VarintReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The next number; NaN where there is none, or one that is too large. */
  next(): number {
    let value = 0
    for (let factor = 1; factor <= 2 ** 42; factor *= 0x80) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) return Number.NaN
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    return Number.NaN
  }
}

/** Makes a small number of either sign one that is not negative: 0, −1, 1, −2, 2 … become 0, 1, 2, 3, 4 … */
export function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}

export function unzigzag(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2
}
