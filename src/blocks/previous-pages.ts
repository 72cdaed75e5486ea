/** The restore point before, read beside the image that is being stored: what is at the same place in it. */
import { join } from 'node:path'
import { contentOf } from '../storage/looks.ts'
import { isDamage } from './damage.ts'
import { doubtedPacks, doubtsOf, isFitAgain } from './doubted-packs.ts'
import type { Fingerprints } from './fingerprints.ts'
import { pagesOf, Slots } from './live-pages.ts'
import { HASH_BYTES } from './page-hash.ts'
import { PackFile } from './pack-file.ts'
import { hashOf, isPresent, type PackIndex } from './pack-index.ts'
import {
  packCount,
  packId,
  parseRestorePoint,
  type RestorePoint,
  type Run,
  runsOf,
  sha256,
} from './restore-point.ts'
import { type BlockStore, hasPack, packPath } from './store.ts'

/** Indexes of packs that are kept in memory, in bytes: those of about 64 full packs. */
const INDEX_BYTES_MAX = 24 << 20

/** A restore point that is still there, and the fingerprints of its image. */
export interface Previous {
  readonly bytes: Buffer
  readonly point: RestorePoint
  readonly fingerprints: Fingerprints
}

/** The restore point that fingerprints are about; null when its file is gone, or is another by now. */
export async function readPrevious(
  store: BlockStore,
  fingerprints: Fingerprints | null,
): Promise<Previous | null> {
  if (fingerprints === null) return null
  const path = join(store.backupDir, fingerprints.restorePoint)
  const bytes = await contentOf(path).catch(() => null)
  if (bytes === null || sha256(bytes).toString('hex') !== fingerprints.checksum) return null
  try {
    const point = parseRestorePoint(bytes, path)
    const isSame = point.pageSize === fingerprints.pageSize && point.pageCount === fingerprints.pageCount
    return isSame ? { bytes, point, fingerprints } : null
  } catch (error) {
    if (isDamage(error)) return null
    throw error
  }
}

/**
 * For each pack of a restore point, whether its file is there. Of one in which damage was found also whether it has all
 * pages that the restore point relies on: that is read.
 */
export async function packsThere(store: BlockStore, point: RestorePoint): Promise<boolean[]> {
  const doubted = await doubtedPacks(doubtsOf(store))
  const needed = doubted.size === 0 ? null : pagesOf(point)
  const there: boolean[] = []
  for (let pack = 0; pack < packCount(point); pack++) {
    const id = packId(point, pack)
    const isThere = await hasPack(store, id)
    const isDoubted = isThere && doubted.has(id)
    there.push(isDoubted ? await isFitAgain(id, needed?.get(id) ?? new Slots(), store) : isThere)
  }
  return there
}

/** What is known of the packs of a restore point. */
export interface PointPacks {
  /** For each of them, whether it is there with all pages that the restore point relies on. */
  readonly there: readonly boolean[]
  /** The index of one, by its id; null when it is lost or damaged. */
  readonly readIndex: (id: string) => PackIndex | null
}

/** Walks through a restore point in the order of the image, and tells what its pages are. */
export class PreviousPages {
  readonly #readIndex: PointPacks['readIndex']
  readonly #point: RestorePoint
  readonly #there: readonly boolean[]
  readonly #runs: Iterator<Run>
  readonly #indexes = new Map<number, PackIndex | null>()
  #indexBytes = 0
  #run: { pack: number; slot: number; count: number } = { pack: 0, slot: 0, count: 0 }

  /** @param packs of a target, say; see {@link open} for those of a backup directory */
  constructor(point: RestorePoint, { there, readIndex }: PointPacks) {
    this.#readIndex = readIndex
    this.#point = point
    this.#there = there
    this.#runs = runsOf(point)
  }

  static async open(store: BlockStore, point: RestorePoint): Promise<PreviousPages> {
    return new PreviousPages(point, {
      there: await packsThere(store, point),
      readIndex: id => readIndex(store, id),
    })
  }

  /** The next `count` pages, as far as there are any; `pack` counts in the restore point's list. */
  take(count: number): Run[] {
    const taken: Run[] = []
    for (let left = count; left > 0;) {
      if (this.#run.count === 0) {
        const next = this.#runs.next()
        if (next.done === true) break
        this.#run = { ...next.value }
      }
      const { pack, slot } = this.#run
      const pages = Math.min(left, this.#run.count)
      taken.push({ pack, slot, count: pages })
      this.#run.slot += pages
      this.#run.count -= pages
      left -= pages
    }
    return taken
  }

  /** Whether all of the runs' packs are there. */
  areThere(runs: readonly Run[]): boolean {
    return runs.every(({ pack }) => this.#there[pack])
  }

  /** Id of a pack, hex. */
  idOf(pack: number): string {
    return packId(this.#point, pack)
  }

  /** Whether the page in a slot has this hash. False also where its pack is lost or damaged: then it is stored again. */
  isPage(pack: number, slot: number, hash: Buffer): boolean {
    const index = this.#indexOf(pack)
    return index !== null && isPresent(index, slot) && hashOf(index, slot).equals(hash)
  }

  #indexOf(pack: number): PackIndex | null {
    const known = this.#indexes.get(pack)
    if (known !== undefined) return known
    const index = this.#there[pack] === true ? this.#readIndex(packId(this.#point, pack)) : null
    if (this.#indexBytes > INDEX_BYTES_MAX) {
      this.#indexes.clear()
      this.#indexBytes = 0
    }
    this.#indexes.set(pack, index)
    this.#indexBytes += (index?.pageCount ?? 0) * HASH_BYTES
    return index
  }
}

/** The index of a pack; null when it is lost or damaged. */
export function readIndex(store: BlockStore, id: string): PackIndex | null {
  try {
    using pack = PackFile.open(packPath(store, id), id)
    return pack.index
  } catch (error) {
    if (isDamage(error)) return null
    throw error
  }
}
