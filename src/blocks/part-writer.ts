import { type OpenFile, writeFully } from '../storage/transfer.ts'
import { damaged } from './damage.ts'
import { freeGroup, type Group } from './group.ts'
import type { PackSecret } from './pack-cipher.ts'
import { PackFile } from './pack-file.ts'
import type { PlacedRun } from './restore-plan.ts'

/** Groups of so many bytes are read and decompressed together; with more of them nothing is gained. */
const STRETCH_BYTES = 512 << 10

/** The image that parts are written into. */
export interface ImageOrder {
  /** Open for writing in this process. */
  readonly file: OpenFile
  readonly pageSize: number
  /** Whether the packs must be encrypted; if not, they must not be. */
  readonly isSealed: boolean
}

/** What to write from one pack. */
export interface PartOrder {
  /** The pack's file. */
  readonly path: string
  readonly id: string
  /** Null where packs are not encrypted. */
  readonly secret: PackSecret | null
  readonly runs: readonly PlacedRun[]
}

/**
 * Writes pages of packs to where they are in an image. Every group's bytes are checked, pages are not. Keeps the pack
 * open that it was asked for last; closed by `using`.
 */
export class PartWriter implements Disposable {
  readonly #order: ImageOrder
  #pack: PackFile | null = null

  constructor(order: ImageOrder) {
    this.#order = order
  }

  /** Throws `BACKUP_DAMAGED`, naming the pack. */
  write({ runs, ...order }: PartOrder): void {
    const { file, pageSize } = this.#order
    const pack = this.#packOf(order)
    const { groupPages } = pack.index
    const groupsMax = Math.max(1, Math.floor(STRETCH_BYTES / (groupPages * pageSize)))
    let stretch: Stretch = { from: 0, until: 0 }
    let groups: Group | null = null
    for (const [i, { slot, count, page }] of runs.entries()) {
      for (let done = 0; done < count;) {
        const next = slot + done
        if (groups === null || next < stretch.from || next >= stretch.until) {
          if (groups !== null) freeGroup(groups)
          stretch = stretchFrom(next, { runs, current: i, groupPages, groupsMax })
          groups = pack.readGroupsHere(stretch.from / groupPages, (stretch.until - stretch.from) / groupPages)
        }
        const length = Math.min(count - done, stretch.until - next)
        writeFully(file, pack.pagesOf(groups, next, length), (page + done) * pageSize)
        done += length
      }
    }
    if (groups !== null) freeGroup(groups)
  }

  #packOf({ path, id, secret }: Omit<PartOrder, 'runs'>): PackFile {
    if (this.#pack?.id === id) return this.#pack
    this[Symbol.dispose]()
    using opening = new DisposableStack()
    const pack = opening.use(PackFile.open(path, id))
    requireKind(pack, this.#order)
    if (secret !== null) pack.unlockWith(secret)
    opening.move()
    this.#pack = pack
    return pack
  }

  [Symbol.dispose](): void {
    this.#pack?.[Symbol.dispose]()
    this.#pack = null
  }
}

/** Slots of whole groups. */
interface Stretch {
  readonly from: number
  /** Not included. */
  readonly until: number
}

interface Needed {
  readonly runs: readonly PlacedRun[]
  /** The run that is being written. */
  readonly current: number
  readonly groupPages: number
  readonly groupsMax: number
}

/** The groups from that of `slot` on that follow each other and are all needed. */
function stretchFrom(slot: number, { runs, current, groupPages, groupsMax }: Needed): Stretch {
  const from = slot - (slot % groupPages)
  const untilMax = from + groupsMax * groupPages
  let until = from
  for (let next = current; next < runs.length && until < untilMax; next++) {
    const run = runs[next] as PlacedRun
    if (run.slot - (run.slot % groupPages) > until) break
    until = Math.max(until, Math.ceil((run.slot + run.count) / groupPages) * groupPages)
  }
  return { from, until: Math.min(until, untilMax) }
}

function requireKind({ path, index }: PackFile, { pageSize, isSealed }: ImageOrder): void {
  if (index.pageSize !== pageSize) throw damaged(path, 'the pack has pages of another size')
  // Whoever has put one of the other kind here wants it to be taken for what it is not.
  if ((index.sealed !== null) !== isSealed)
    throw damaged(path, `the pack is ${isSealed ? 'not ' : ''}encrypted, other than its backup`)
}
