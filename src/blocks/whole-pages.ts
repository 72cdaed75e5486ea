/** Reading pages of a pack one by one, each held against its name. */
import { isDamage } from './damage.ts'
import { Slots } from './live-pages.ts'
import type { Group } from './group.ts'
import type { PackFile } from './pack-file.ts'
import { isPresent, type PackIndex } from './pack-index.ts'

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
    return this.#pack.isPage(page, slot) ? page : null
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

/**
 * The first of some pages that is not in a pack as it was written; null when all are. Reads all of them. Of a pack that
 * is locked it looks at the stored bytes.
 */
export async function findLost(pack: PackFile, slots: Slots): Promise<number | null> {
  if (pack.isLocked) return findLostStored(pack, slots)
  const pages = new WholePages(pack)
  for (let slot = 0; slot < slots.end; slot++) {
    if (slots.has(slot) && (await pages.read(slot)) === null) return slot
  }
  return null
}

/** Every page that a pack has as it was written. Reads all of it. Of a pack that is locked it looks at the stored bytes. */
export async function findWhole(pack: PackFile): Promise<Slots> {
  const { index } = pack
  const pages = new WholePages(pack)
  const whole = new Slots()
  const groups = new Map<number, boolean>()
  const isWhole = async (slot: number): Promise<boolean> => {
    if (!pack.isLocked) return (await pages.read(slot)) !== null
    const group = Math.floor(slot / index.groupPages)
    const known = groups.get(group) ?? isGroupWhole(pack, group)
    groups.set(group, known)
    return known
  }
  for (let slot = 0; slot < index.pageCount; slot++)
    if (isPresent(index, slot) && (await isWhole(slot))) whole.addAll(slot, 1)
  return whole
}

function findLostStored(pack: PackFile, slots: Slots): number | null {
  const { index } = pack
  let whole = -1
  for (let slot = 0; slot < slots.end; slot++) {
    if (!slots.has(slot)) continue
    const group = Math.floor(slot / index.groupPages)
    if (!isPresent(index, slot) || (group !== whole && !isGroupWhole(pack, group))) return slot
    whole = group
  }
  return null
}

/** Whether the stored bytes of a group are those that were written. */
export function isGroupWhole(pack: PackFile, group: number): boolean {
  try {
    pack.readChecked(group)
    return true
  } catch (error) {
    if (isDamage(error)) return false
    throw error
  }
}

/** The pages that a pack says it has. */
export function pagesIn(index: PackIndex): Slots {
  const pages = new Slots()
  for (let slot = 0; slot < index.pageCount; slot++) if (isPresent(index, slot)) pages.addAll(slot, 1)
  return pages
}

/** Whether a pack says that it has all of some pages. */
export function hasAll(index: PackIndex, slots: Slots): boolean {
  for (let slot = 0; slot < slots.end; slot++) if (slots.has(slot) && !isPresent(index, slot)) return false
  return true
}
