/** Pages of one leaf of the table: 4 KiB of memory each, so that a WAL of scattered pages stays small. */
const LEAF_PAGES = 1024

/**
 * Says, for each page that a WAL holds, which frame is its newest. Pages and frames count from 1.
 * Memory: four bytes for each page near one that is in the WAL.
 */
export class PageTable {
  readonly #leaves = new Map<number, Uint32Array>()

  /** Notes that `frame` holds `page`; a later frame replaces an earlier one. */
  set(page: number, frame: number): void {
    const index = Math.floor((page - 1) / LEAF_PAGES)
    let leaf = this.#leaves.get(index)
    if (leaf === undefined) {
      leaf = new Uint32Array(LEAF_PAGES)
      this.#leaves.set(index, leaf)
    }
    leaf[(page - 1) % LEAF_PAGES] = frame
  }

  /** The newest frame of `page`, or 0 when only the main file has it. */
  get(page: number): number {
    return this.#leaves.get(Math.floor((page - 1) / LEAF_PAGES))?.[(page - 1) % LEAF_PAGES] ?? 0
  }

  /** Whether any of the pages from `first` to `last` is in the WAL; may say yes for pages near one that is. */
  mayHaveAny(first: number, last: number): boolean {
    const end = Math.floor((last - 1) / LEAF_PAGES)
    for (let index = Math.floor((first - 1) / LEAF_PAGES); index <= end; index++) {
      if (this.#leaves.has(index)) return true
    }
    return false
  }

  /** Every page that is in the WAL, in ascending order. */
  *pages(): Generator<number> {
    for (const index of [...this.#leaves.keys()].toSorted((a, b) => a - b)) {
      const leaf = this.#leaves.get(index) as Uint32Array
      for (let i = 0; i < LEAF_PAGES; i++) {
        if (leaf[i] !== 0) yield index * LEAF_PAGES + i + 1
      }
    }
  }

  /** The leaves, to hand the table to another thread. */
  toLeaves(): [number, Uint32Array][] {
    return [...this.#leaves]
  }

  static fromLeaves(leaves: readonly [number, Uint32Array][]): PageTable {
    const table = new PageTable()
    for (const [index, leaf] of leaves) table.#leaves.set(index, leaf)
    return table
  }
}
