/**
 * What restore points take of packs, one after another, each byte counted once: where it is first met. What is counted is
 * what a clean-up cannot give back while they stay: of a plain pack the pages, of an encrypted one whole groups, as nobody
 * can take a page out of one without a key. No key is needed.
 */
import { Slots } from './live-pages.ts'
import { PackFile } from './pack-file.ts'
import { groupCount, groupLength, presentBetween } from './pack-index.ts'
import { type BlockStore, packPath } from './store.ts'

/** So many groups' sizes are remembered at most: 32 MB of them. A pack that is met again later is opened again. */
const GROUPS_MAX = 4 << 20

/** The pages of some restore points, by the pack's id. */
type Pages = ReadonlyMap<string, Slots>

/** Counts for one set of backups after another; the packs are remembered. */
export class PageCount {
  readonly #packs: PackSizes
  #counted = new Map<string, Slots>()

  constructor(store: Pick<BlockStore, 'backupDir'>, groupsMax: number = GROUPS_MAX) {
    this.#packs = new PackSizes(store, groupsMax)
  }

  /** Forgets what was counted. */
  begin(): void {
    this.#counted = new Map()
  }

  /** Stored bytes of what has not been counted yet. Throws `BACKUP_DAMAGED` for a pack that is lost or cannot be read. */
  beside(pages: Pages): number {
    let bytes = 0
    for (const [id, slots] of pages) bytes += this.#besideInPack(id, slots)
    return bytes
  }

  /** Counts them. */
  add(pages: Pages): void {
    for (const [id, slots] of pages) {
      const counted = this.#counted.get(id) ?? new Slots()
      counted.addFrom(slots)
      this.#counted.set(id, counted)
    }
  }

  #besideInPack(id: string, slots: Slots): number {
    const counted = this.#counted.get(id)
    let pack: PackSize | null = null
    let bytes = 0
    let lastGroup = -1
    for (const slot of slots.beyond(counted)) {
      if (pack === null) {
        pack = this.#packs.of(id)
        if (counted === undefined) bytes += pack.indexBytes
      }
      const { groupPages } = pack
      const group = Math.floor(slot / groupPages)
      const isSeen = (): boolean =>
        group === lastGroup || counted?.hasAny(group * groupPages, groupPages) === true
      if (pack.isByGroup && isSeen()) continue
      lastGroup = group
      bytes += pack.bytes[group] ?? 0
    }
    return bytes
  }
}

interface PackSize {
  /** What stands beside the groups, and stays as long as the pack does. */
  readonly indexBytes: number
  readonly groupPages: number
  /** Whether a group stays as a whole as long as one of its pages does. */
  readonly isByGroup: boolean
  /** For each group what it takes; where it is not by group, what each page takes that is left in it. */
  readonly bytes: Float64Array
}

/** The sizes of packs, those met last. */
class PackSizes {
  readonly #store: Pick<BlockStore, 'backupDir'>
  readonly #groupsMax: number
  readonly #known = new Map<string, PackSize>()
  #groups = 0

  constructor(store: Pick<BlockStore, 'backupDir'>, groupsMax: number) {
    this.#store = store
    this.#groupsMax = groupsMax
  }

  of(id: string): PackSize {
    const size = this.#known.get(id) ?? this.#read(id)
    // The one met last stands last.
    this.#known.delete(id)
    this.#known.set(id, size)
    return size
  }

  #read(id: string): PackSize {
    using file = PackFile.open(packPath(this.#store, id), id)
    const size = sizeOf(file)
    this.#groups += size.bytes.length
    for (const [oldest, { bytes }] of this.#known) {
      if (this.#groups <= this.#groupsMax) break
      this.#known.delete(oldest)
      this.#groups -= bytes.length
    }
    return size
  }
}

function sizeOf({ index, sizeBytes }: PackFile): PackSize {
  const { groupPages } = index
  const isByGroup = index.sealed !== null
  let indexBytes = sizeBytes
  const bytes = new Float64Array(groupCount(index))
  for (let group = 0; group < bytes.length; group++) {
    const length = groupLength(index, group)
    indexBytes -= length
    const pages = presentBetween(index, group * groupPages, (group + 1) * groupPages)
    bytes[group] = isByGroup ? length : length / Math.max(1, pages)
  }
  return { indexBytes, groupPages, isByGroup, bytes }
}
