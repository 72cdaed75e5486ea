/**
 * Pages that are stored already, found by their content: those of this image, and, once that pays, those of the whole
 * store: after a VACUUM everything has moved, and databases of one schema have pages in common.
 */
import { doubtedPacks, doubtsOf } from './doubted-packs.ts'
import { HASH_BYTES } from './page-hash.ts'
import { hashOf, isPresent, type PackIndex } from './pack-index.ts'
import { PageIndex } from './page-index.ts'
import { readIndex } from './previous-pages.ts'
import { type BlockStore, listPacks } from './store.ts'

/** Below so many new pages, reading the indexes of the packs costs more than storing the pages once more. */
const NEW_PAGES_MIN = 1024
/** A share of the image; where less has changed, little of it can have moved. */
const NEW_SHARE_MIN = 1 / 256
/** Of the store the newest packs are looked into, so many at most: opening one takes as long as storing ten pages. */
const PACKS_MAX = 4096

export interface Place {
  /** Number of the pack in the list of the new restore point. */
  readonly pack: number
  readonly slot: number
}

export class KnownPages {
  readonly #store: BlockStore | null
  readonly #numberOf: (id: string) => number
  readonly #pages: PageIndex
  readonly #ids: string[] = []
  /** Ids of the packs in which pages were found that no restore point of this database may have referred to. */
  readonly foundIn: Set<string> = new Set()
  readonly #newPagesMin: number
  readonly #namingId: Buffer | null
  #newPages = 0
  #isLoaded = false

  /**
   * @param store null where its packs are not at hand: then only pages of this image are found
   * @param options `numberOf` gives a pack a number in the list of the new restore point
   */
  constructor(
    store: BlockStore | null,
    {
      pageCount,
      pagesMax,
      numberOf,
      namingId,
    }: {
      readonly pageCount: number
      /** Of the names that are looked for. */
      readonly namingId: Buffer | null
      readonly pagesMax?: number
      readonly numberOf: (id: string) => number
    },
  ) {
    this.#store = store
    this.#numberOf = numberOf
    this.#namingId = namingId
    this.#pages = new PageIndex(pagesMax)
    this.#newPagesMin = Math.max(NEW_PAGES_MIN, pageCount * NEW_SHARE_MIN)
  }

  /** Where a page with this hash is stored; null when that is not known. */
  find(hash: Buffer): Place | null {
    const entry = this.#pages.find(hash)
    if (entry === -1) return null
    const pack = this.#pages.packOf(entry)
    const id = this.#ids[pack]
    if (id !== undefined) this.foundIn.add(id)
    return { pack: id === undefined ? pack - STORED : this.#numberOf(id), slot: this.#pages.slotOf(entry) }
  }

  /** Notes a page that is new. */
  add(hash: Buffer, { pack, slot }: Place): void {
    this.#newPages += 1
    this.#pages.add(hash, pack + STORED, slot)
  }

  /** Whether it is time to {@link load}. */
  get isLoadWorthwhile(): boolean {
    return !this.#isLoaded && this.#newPages >= this.#newPagesMin
  }

  /** Takes in what the store's packs hold, the newest first, as far as memory goes. */
  async load(pageSize: number): Promise<void> {
    this.#isLoaded = true
    const store = this.#store
    if (store === null) return
    const packs = (await listPacks(store)).toSorted((a, b) => b.modifiedMs - a.modifiedMs)
    const doubted = await doubtedPacks(doubtsOf(store))
    for (const { id, sizeBytes } of packs.slice(0, PACKS_MAX)) {
      if (this.#pages.isFull) return
      if (doubted.has(id)) continue
      const index = sizeBytes > HASH_BYTES ? readIndex(store, id) : null
      if (index?.pageSize !== pageSize || !this.#isNamedAlike(index)) continue
      const pack = this.#ids.push(id) - 1
      for (let slot = 0; slot < index.pageCount; slot++) {
        if (isPresent(index, slot)) this.#pages.add(hashOf(index, slot), pack, slot)
      }
    }
  }

  /** No other names equal ours: those of what is not encrypted, or not to the same keys. */
  #isNamedAlike({ sealed }: PackIndex): boolean {
    if (sealed === null || this.#namingId === null) return sealed === this.#namingId
    return sealed.namingId.equals(this.#namingId)
  }
}

/** Numbers of packs in the index from here on are of those of the new restore point; those below, of packs that were there. */
const STORED = PACKS_MAX
