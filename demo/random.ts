/** Randomness that is the same in every run: samples are compared between runs and machines. */
import { createCipheriv, createHash } from 'node:crypto'

const POOL_BYTES = 1 << 16

export class Random {
  readonly #cipher: ReturnType<typeof createCipheriv>
  #pool: Buffer = Buffer.alloc(0)
  #used = 0

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest()
    this.#cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  }

  /** Bytes that no compressor makes smaller, as photos and hashes are. */
  bytes(count: number): Buffer {
    return this.#cipher.update(Buffer.alloc(count))
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    if (this.#used + 4 > this.#pool.length) {
      this.#pool = this.bytes(POOL_BYTES)
      this.#used = 0
    }
    const value = this.#pool.readUInt32LE(this.#used)
    this.#used += 4
    return Math.floor((value / 2 ** 32) * limit)
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.below(from.length)] ?? from[0]
  }

  /** Like `below`, with small numbers far more often: a few rooms and users do most of the talking. */
  skewed(limit: number): number {
    return Math.min(this.below(limit), this.below(limit), this.below(limit))
  }
}
