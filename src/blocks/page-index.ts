import { HASH_BYTES } from './page-hash.ts'

/** So many pages are remembered at most: with their names and places, 36 MB. Those beyond are not found again. */
const PAGES_MAX = 1 << 20

/** Where pages are, by their hash. Grows as it is filled, up to {@link PAGES_MAX}. */
export class PageIndex {
  readonly #pagesMax: number
  #hashes = Buffer.allocUnsafe(1024 * HASH_BYTES)
  #packs = new Uint32Array(1024)
  #slots = new Uint32Array(1024)
  /** Entry number + 1 by a part of the hash, the next free place when that is taken; 0: none. */
  #table = new Uint32Array(2048)
  #count = 0

  constructor(pagesMax: number = PAGES_MAX) {
    this.#pagesMax = pagesMax
  }

  get isFull(): boolean {
    return this.#count >= this.#pagesMax
  }

  /** The number of the entry with this hash, for {@link packOf} and {@link slotOf}; −1 when there is none. */
  find(hash: Buffer): number {
    return (this.#table[this.#placeOf(hash)] as number) - 1
  }

  packOf(entry: number): number {
    return this.#packs[entry] as number
  }

  slotOf(entry: number): number {
    return this.#slots[entry] as number
  }

  /** Adds a page unless its hash is known, or the index is full. */
  add(hash: Buffer, pack: number, slot: number): void {
    if (this.isFull) return
    const place = this.#placeOf(hash)
    if (this.#table[place] !== 0) return
    if (this.#count === this.#packs.length) this.#grow()
    this.#hashes.set(hash, this.#count * HASH_BYTES)
    this.#packs[this.#count] = pack
    this.#slots[this.#count] = slot
    this.#count += 1
    this.#table[this.#placeOf(hash)] = this.#count
  }

  /** The place of a hash in the table, or the one that it would get. */
  #placeOf(hash: Buffer): number {
    const mask = this.#table.length - 1
    for (let place = hash.readUInt32LE(0) & mask; ; place = (place + 1) & mask) {
      const entry = this.#table[place] as number
      if (entry === 0) return place
      const at = (entry - 1) * HASH_BYTES
      if (hash.compare(this.#hashes, at, at + HASH_BYTES) === 0) return place
    }
  }

  #grow(): void {
    const size = this.#packs.length * 2
    this.#hashes = Buffer.concat([this.#hashes], size * HASH_BYTES)
    this.#packs = enlarged(this.#packs, size)
    this.#slots = enlarged(this.#slots, size)
    this.#table = new Uint32Array(size * 2)
    for (let entry = 0; entry < this.#count; entry++) {
      const hash = this.#hashes.subarray(entry * HASH_BYTES, (entry + 1) * HASH_BYTES)
      this.#table[this.#placeOf(hash)] = entry + 1
    }
  }
}

function enlarged(array: Uint32Array, size: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(size)
  larger.set(array)
  return larger
}
