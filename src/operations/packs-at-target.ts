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

  note(id: string, sizeBytes: number | null): void {
    this.#sizes.set(id, sizeBytes)
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
