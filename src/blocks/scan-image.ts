/** Looking through an image for what is new in it. */
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { throwIfCancelled } from '../errors.ts'
import type { Fingerprints } from './fingerprints.ts'
import type { KnownPages } from './known-pages.ts'
import type { NewPacks } from './new-packs.ts'
import { HASH_BYTES, type PageNaming } from './page-hash.ts'
import type { PreviousPages } from './previous-pages.ts'
import { type Run, RunWriter } from './restore-point.ts'

/** Read at once. */
const READ_BYTES = 1 << 20

/** An image that can be read in any order while it is stored. */
export interface ReadableImage {
  readonly pageSize: number
  readonly pageCount: number
  /** Fills `into`, whole pages, from a position that is a multiple of the page size. */
  readonly read: (into: Uint8Array, position: number) => void
}

export interface ScanOptions {
  readonly signal: AbortSignal
  readonly onBytes?: (doneBytes: number) => void
  /** Called once, at the first page that is not where it was before, or is new. */
  readonly onChange?: () => void
}

interface ScanParts {
  /** Names runs and pages. */
  readonly name: PageNaming
  readonly packs: NewPacks
  readonly previous: PreviousPages | null
  readonly fingerprints: Fingerprints | null
  readonly known: KnownPages
  readonly runBytes: number
  /** Whether the image cannot be the one before, as it has more or fewer pages. */
  readonly isOther: boolean
}

/** One reading of the image from its first page to its last. */
export class Scan {
  readonly #image: ReadableImage
  readonly #parts: ScanParts
  readonly runs: RunWriter = new RunWriter()
  readonly fingerprints: Buffer
  newPages = 0
  isChanged: boolean
  #runNumber = 0
  #onChange: (() => void) | undefined

  constructor(image: ReadableImage, parts: ScanParts) {
    this.#image = image
    this.#parts = parts
    this.isChanged = parts.isOther
    const runCount = Math.ceil((image.pageSize * image.pageCount) / parts.runBytes)
    this.fingerprints = Buffer.alloc(runCount * HASH_BYTES)
  }

  async run({ signal, onBytes, onChange }: ScanOptions): Promise<void> {
    const { runBytes, known } = this.#parts
    this.#onChange = onChange
    if (this.isChanged) this.#tellChange()
    const size = this.#image.pageSize * this.#image.pageCount
    const buffer = Buffer.allocUnsafe(Math.min(size, Math.max(READ_BYTES, runBytes)))
    for (let position = 0; position < size; position += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, size - position))
      this.#image.read(part, position)
      for (let at = 0; at < part.length; at += runBytes) {
        await this.#store(part.subarray(at, Math.min(part.length, at + runBytes)))
        if (known.isLoadWorthwhile) await known.load(this.#image.pageSize)
      }
      onBytes?.(position + part.length)
      await yieldToEvents()
      throwIfCancelled(signal)
    }
  }

  async #store(run: Buffer): Promise<void> {
    const { previous, name } = this.#parts
    const hash = name(run)
    hash.copy(this.fingerprints, this.#runNumber * HASH_BYTES)
    const before = previous?.take(run.length / this.#image.pageSize) ?? []
    if (this.#isAsBefore(hash, run, before)) for (const each of before) this.#refer(each)
    else await this.#storePages(run, before)
    this.#runNumber += 1
  }

  #tellChange(): void {
    this.isChanged = true
    this.#onChange?.()
    this.#onChange = undefined
  }

  #isAsBefore(hash: Buffer, run: Buffer, before: readonly Run[]): boolean {
    const { fingerprints, previous } = this.#parts
    if (fingerprints === null || previous === null) return false
    const at = this.#runNumber * HASH_BYTES
    const pages = before.reduce((sum, { count }) => sum + count, 0)
    return (
      pages * this.#image.pageSize === run.length &&
      fingerprints.runs.subarray(at, at + HASH_BYTES).equals(hash) &&
      previous.areThere(before)
    )
  }

  /** Refers to pages of the restore point before. */
  #refer({ pack, slot, count }: Run): void {
    const { packs, previous } = this.#parts
    this.runs.add(packs.numberOf((previous as PreviousPages).idOf(pack)), slot, count)
  }

  async #storePages(run: Buffer, before: readonly Run[]): Promise<void> {
    const { pageSize } = this.#image
    const { packs, previous, known, name } = this.#parts
    const places = before.flatMap(({ pack, slot, count }) =>
      Array.from({ length: count }, (_, i) => ({ pack, slot: slot + i, count: 1 })),
    )
    for (let at = 0; at < run.length; at += pageSize) {
      const page = run.subarray(at, at + pageSize)
      const hash = name(page)
      const place = places[at / pageSize]
      if (place !== undefined && previous?.isPage(place.pack, place.slot, hash) === true) {
        this.#refer(place)
        continue
      }
      this.#tellChange()
      const found = known.find(hash)
      const stored = found ?? (await packs.add(page, hash))
      if (found === null) {
        known.add(hash, stored)
        this.newPages += 1
      }
      this.runs.add(stored.pack, stored.slot, 1)
    }
    await packs.drain()
  }
}
