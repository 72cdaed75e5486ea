import { type OpenFile, writeFully } from '../storage/transfer.ts'
import { damaged } from './damage.ts'
import type { PackSecret } from './pack-cipher.ts'
import { freeGroup, type Group, PackFile } from './pack-file.ts'
import type { PlacedRun } from './restore-plan.ts'

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
  write(part: PartOrder): void {
    const { file, pageSize } = this.#order
    const pack = this.#packOf(part)
    const { groupPages } = pack.index
    let group: Group | null = null
    for (const { slot, count, page } of part.runs) {
      for (let done = 0; done < count;) {
        const number = Math.floor((slot + done) / groupPages)
        if (group?.group !== number) {
          if (group !== null) freeGroup(group)
          group = pack.readGroupHere(number)
        }
        const length = Math.min(count - done, (number + 1) * groupPages - slot - done)
        writeFully(file, pack.pagesOf(group, slot + done, length), (page + done) * pageSize)
        done += length
      }
    }
    if (group !== null) freeGroup(group)
  }

  #packOf({ path, id, secret }: PartOrder): PackFile {
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

function requireKind({ path, index }: PackFile, { pageSize, isSealed }: ImageOrder): void {
  if (index.pageSize !== pageSize) throw damaged(path, 'the pack has pages of another size')
  // Whoever has put one of the other kind here wants it to be taken for what it is not.
  if ((index.sealed !== null) !== isSealed)
    throw damaged(path, `the pack is ${isSealed ? 'not ' : ''}encrypted, other than its backup`)
}
