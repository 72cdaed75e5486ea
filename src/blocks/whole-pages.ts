/** Reading pages of a pack one by one, each held against its name. */
import { isDamage } from './damage.ts'
import type { Slots } from './live-pages.ts'
import type { Group, PackFile } from './pack-file.ts'
import { hashOf, isPresent, type PackIndex } from './pack-index.ts'
import { hashBytes } from './page-hash.ts'

/** The pages of one pack. Fast for slots that are asked for in their order: a group is read once. */
export class WholePages {
  readonly #pack: PackFile
  #number = -1
  #group: Group | null = null

  constructor(pack: PackFile) {
    this.#pack = pack
  }

  /** A page as it was written; null when it is not in the pack, or damaged. */
  async read(slot: number): Promise<Buffer | null> {
    const { index } = this.#pack
    if (!isPresent(index, slot)) return null
    const number = Math.floor(slot / index.groupPages)
    if (number !== this.#number) {
      this.#group = await this.#readGroup(number)
      this.#number = number
    }
    if (this.#group === null) return null
    const page = this.#pack.pagesOf(this.#group, slot, 1)
    return hashBytes(page).equals(hashOf(index, slot)) ? page : null
  }

  async #readGroup(number: number): Promise<Group | null> {
    try {
      return await this.#pack.readGroup(number)
    } catch (error) {
      if (isDamage(error)) return null
      throw error
    }
  }
}

/** The first of some pages that is not in a pack as it was written; null when all are. Reads all of them. */
export async function findLost(pack: PackFile, slots: Slots): Promise<number | null> {
  const pages = new WholePages(pack)
  for (let slot = 0; slot < slots.end; slot++) {
    if (slots.has(slot) && (await pages.read(slot)) === null) return slot
  }
  return null
}

/** Whether a pack says that it has all of some pages. */
export function hasAll(index: PackIndex, slots: Slots): boolean {
  for (let slot = 0; slot < slots.end; slot++) if (slots.has(slot) && !isPresent(index, slot)) return false
  return true
}
