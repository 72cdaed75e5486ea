import type { Slots } from '../blocks/live-pages.ts'
import { packKey, PACKS_PREFIX, parsePackKey } from '../catalog/target-keys.ts'
import { inParallel } from '../storage/in-parallel.ts'
import type { Target } from '../storage/target.ts'

/** Above this many packs a listing is faster than asking for each. */
const HEADS_MAX = 16
const HEADS_AT_ONCE = 8

/** Which packs a target has, as it said when it was asked last; for all backups that are copied in one run. */
export class PacksAtTarget {
  readonly target: Target
  readonly #signal: AbortSignal
  /** Bytes by id; null for one that is not there. */
  #sizes = new Map<string, number | null>()
  #isListed = false
  readonly #turns = new Map<string, Promise<unknown>>()
  /** Pages that were read and found whole, and how large the file was that they were in. */
  readonly #whole = new Map<string, { readonly pages: Slots; readonly sizeBytes: number | null }>()

  constructor(target: Target, signal: AbortSignal) {
    this.target = target
    this.#signal = signal
  }

  /** Makes sure that it is known of these packs whether they are there; asks again where that must be so now. */
  async look(ids: readonly string[], { isAnew }: { readonly isAnew: boolean }): Promise<void> {
    const unknown = isAnew ? ids : ids.filter(id => !this.#isListed && !this.#sizes.has(id))
    if (unknown.length > HEADS_MAX) await this.#list()
    else {
      await inParallel(unknown, HEADS_AT_ONCE, async id => {
        const object = await this.target.head(packKey(id), { signal: this.#signal })
        this.note(id, object?.sizeBytes ?? null)
      })
    }
  }

  /** Bytes of a pack that was looked for; null when it was not there. */
  sizeOf(id: string): number | null {
    return this.#sizes.get(id) ?? null
  }

  /** The same; nothing for one that was not there. */
  bytesOf(id: string): number {
    return this.sizeOf(id) ?? 0
  }

  note(id: string, sizeBytes: number | null): void {
    this.#sizes.set(id, sizeBytes)
  }

  /** Notes which pages of a pack were read and are whole, in the file that it is now. */
  noteWhole(id: string, pages: Slots): void {
    this.#whole.set(id, { pages, sizeBytes: this.sizeOf(id) })
  }

  /** Whether all of these were read in this run, and found whole in a file of the size that is there now. */
  areWhole(id: string, needed: Slots): boolean {
    const read = this.#whole.get(id)
    if (read === undefined || read.sizeBytes !== this.sizeOf(id)) return false
    return needed.beyond(read.pages).next().done === true
  }

  /** One at a time with each pack: backups that are copied at once have most of theirs in common. */
  inTurn<T>(id: string, act: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(act)
    this.#turns.set(
      id,
      turn.catch(() => {}),
    )
    return turn
  }

  async #list(): Promise<void> {
    const sizes = new Map<string, number>()
    for await (const { key, sizeBytes } of this.target.list(PACKS_PREFIX, { signal: this.#signal })) {
      const id = parsePackKey(key)
      if (id !== null) sizes.set(id, sizeBytes)
    }
    this.#sizes = sizes
    this.#isListed = true
  }
}
