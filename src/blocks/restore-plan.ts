/** Which pages of an image come from which pack, in parts of bounded size. Reads nothing. */
import { type RestorePoint, runsOf } from './restore-point.ts'

/** The image is made so many pages at a time, so that memory does not grow with it. */
const WINDOW_PAGES = 1 << 19
/** Takes a few milliseconds: long beside handing it over, short for whoever waits for a sign of life or to cancel. */
const PART_BYTES = 2 << 20

/** Pages that follow each other in a pack and in the image. */
export interface PlacedRun {
  /** Of the first page in the pack. */
  readonly slot: number
  readonly count: number
  /** The first page in the image, from 0. */
  readonly page: number
}

/** What one pack has for a stretch of the image. */
export interface PackPart {
  /** Number of the pack in the restore point's list. */
  readonly pack: number
  /** In the order of the pack, so that each of its groups is read once. */
  readonly runs: readonly PlacedRun[]
  readonly pageCount: number
}

/** All of an image: stretch after stretch, in each pack after pack, and in each of these group after group. */
export function* partsOf(point: RestorePoint): Generator<PackPart, undefined> {
  const pagesMax = PART_BYTES / point.pageSize
  for (const window of windowsOf(point)) yield* window.parts(pagesMax)
}

function* windowsOf(point: RestorePoint): Generator<Window> {
  let window = new Window()
  let page = 0
  for (const run of runsOf(point)) {
    for (let done = 0; done < run.count;) {
      const count = Math.min(run.count - done, WINDOW_PAGES - (page % WINDOW_PAGES))
      window.add(run.pack, run.slot + done, count, page)
      done += count
      page += count
      if (page % WINDOW_PAGES === 0) {
        yield window
        window = new Window()
      }
    }
  }
  yield window
}

/** Runs of one stretch of the image, cut at its ends. There may be as many as pages, so they are no objects. */
class Window {
  readonly #packs: number[] = []
  readonly #slots: number[] = []
  readonly #counts: number[] = []
  readonly #pages: number[] = []

  add(pack: number, slot: number, count: number, page: number): void {
    this.#packs.push(pack)
    this.#slots.push(slot)
    this.#counts.push(count)
    this.#pages.push(page)
  }

  *parts(pagesMax: number): Generator<PackPart> {
    let part: { pack: number; runs: PlacedRun[]; pageCount: number } | null = null
    for (const run of this.#inPackOrder()) {
      const pack = this.#packs[run] as number
      const slot = this.#slots[run] as number
      const count = this.#counts[run] as number
      const page = this.#pages[run] as number
      for (let done = 0; done < count;) {
        if (part !== null && (part.pack !== pack || part.pageCount === pagesMax)) {
          yield part
          part = null
        }
        part ??= { pack, runs: [], pageCount: 0 }
        const length = Math.min(count - done, pagesMax - part.pageCount)
        part.runs.push({ slot: slot + done, count: length, page: page + done })
        part.pageCount += length
        done += length
      }
    }
    if (part !== null) yield part
  }

  /** Numbers of the runs, by pack and then by place in it. */
  #inPackOrder(): Uint32Array {
    return Uint32Array.from(this.#packs, (_, run) => run).sort(
      (a, b) =>
        (this.#packs[a] as number) - (this.#packs[b] as number) ||
        (this.#slots[a] as number) - (this.#slots[b] as number),
    )
  }
}
