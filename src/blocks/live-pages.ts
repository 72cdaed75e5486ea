/** Which pages of which packs restore points rely on. */
import { readFile } from 'node:fs/promises'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { during, unlessMissing } from '../storage/io-errors.ts'
import { isDamage } from './damage.ts'
import { packId, parseRestorePoint, type RestorePoint, runsOf } from './restore-point.ts'

/** The slots of one pack, a bit each; it grows as far as slots are named. */
export class Slots {
  #bits = new Uint8Array(64)

  addAll(slot: number, count: number): void {
    const end = slot + count
    if (end > this.#bits.length * 8) this.#grow(end)
    for (let each = slot; each < end; each++) {
      // Whole bytes at once: most runs are long.
      if ((each & 7) === 0 && end - each >= 8) {
        this.#bits[each >> 3] = 0xff
        each += 7
      } else this.#bits[each >> 3] = (this.#bits[each >> 3] as number) | (1 << (each & 7))
    }
  }

  has(slot: number): boolean {
    return ((this.#bits[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0
  }

  hasAny(slot: number, count: number): boolean {
    for (let each = slot; each < slot + count; each++) if (this.has(each)) return true
    return false
  }

  /** Those that another one does not have, ascending. */
  *beyond(other: Slots | undefined): Generator<number> {
    const theirs = other === undefined ? new Uint8Array() : other.#bits
    for (let byte = 0; byte < this.#bits.length; byte++) {
      let left = (this.#bits[byte] as number) & ~(theirs[byte] ?? 0)
      for (let slot = byte * 8; left !== 0; slot++, left >>= 1) if ((left & 1) !== 0) yield slot
    }
  }

  /** Adds all that another one has. */
  addFrom(other: Slots): void {
    if (other.end > this.end) this.#grow(other.end)
    for (let byte = 0; byte < other.#bits.length; byte++)
      this.#bits[byte] = (this.#bits[byte] as number) | (other.#bits[byte] as number)
  }

  /** Whether all of its slots are among those whose bits are set. */
  isWithin(bits: Uint8Array): boolean {
    return this.#bits.every((byte, index) => (byte & ~(bits[index] ?? 0)) === 0)
  }

  /** No slot from here on is in it. */
  get end(): number {
    return this.#bits.length * 8
  }

  #grow(slots: number): void {
    const larger = new Uint8Array(Math.max(Math.ceil(slots / 8), this.#bits.length * 2))
    larger.set(this.#bits)
    this.#bits = larger
  }
}

export interface LivePages {
  /** By the pack's id. */
  readonly packs: ReadonlyMap<string, Slots>
  /** Restore points that could not be read, and why: what they rely on is not known. */
  readonly unreadable: readonly { readonly path: string; readonly message: string }[]
}

/**
 * Reads restore points, one after another, so that memory grows with the packs and not with them.
 *
 * @param options `mayBeDeleted`: others may delete some meanwhile, which then rely on nothing; else that is an error
 */
export async function readLivePages(
  restorePoints: readonly string[],
  { mayBeDeleted }: { readonly mayBeDeleted: boolean },
): Promise<LivePages> {
  const packs = new Map<string, Slots>()
  const unreadable: { path: string; message: string }[] = []
  for (const path of restorePoints) {
    try {
      const bytes = mayBeDeleted
        ? await unlessMissing(path, () => readFile(path))
        : await during('read', path, () => readFile(path))
      if (bytes !== null) addPagesOf(parseRestorePoint(bytes, path), packs)
    } catch (error) {
      if (!isDamage(error)) throw error
      unreadable.push({ path, message: error.message })
    }
    await yieldToEvents()
  }
  return { packs, unreadable }
}

/** The pages that one restore point relies on, by the pack's id. */
export function pagesOf(point: RestorePoint): ReadonlyMap<string, Slots> {
  const packs = new Map<string, Slots>()
  addPagesOf(point, packs)
  return packs
}

/** The same, added to those of others. */
export function addPagesOf(point: RestorePoint, packs: Map<string, Slots>): void {
  const ofPack: Slots[] = []
  for (const { pack, slot, count } of runsOf(point)) {
    const slots = (ofPack[pack] ??= slotsOf(packId(point, pack), packs))
    slots.addAll(slot, count)
  }
}

function slotsOf(id: string, packs: Map<string, Slots>): Slots {
  const slots = packs.get(id) ?? new Slots()
  packs.set(id, slots)
  return slots
}
