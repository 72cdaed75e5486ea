/** Making an image of a restore point again. */
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { throwIfCancelled } from '../errors.ts'
import { type OpenFile, writeFully } from '../storage/transfer.ts'
import { damaged } from './damage.ts'
import type { OpenKeyFile } from './key-files.ts'
import { freeGroup, type Group, PackFile } from './pack-file.ts'
import { packId, type RestorePoint, runsOf } from './restore-point.ts'
import { type BlockStore, packPath } from './store.ts'

/** The image is made so many pages at a time, so that memory does not grow with it. */
const WINDOW_PAGES = 1 << 19

export interface RestoreOptions {
  /** Opens the keys of packs that are encrypted. */
  readonly open: OpenKeyFile
  readonly signal: AbortSignal
  readonly onBytes?: (doneBytes: number) => void
}

/** Runs of one stretch of the image, cut at its ends. */
class Window {
  readonly packs: number[] = []
  readonly slots: number[] = []
  readonly counts: number[] = []
  /** First page of each run in the image, from 0. */
  readonly pages: number[] = []

  add(pack: number, slot: number, count: number, page: number): void {
    this.packs.push(pack)
    this.slots.push(slot)
    this.counts.push(count)
    this.pages.push(page)
  }

  /** Numbers of the runs, by pack and then by place in it, so that each group is read once. */
  inPackOrder(): Uint32Array {
    return Uint32Array.from(this.packs, (_, run) => run).sort(
      (a, b) =>
        (this.packs[a] as number) - (this.packs[b] as number) ||
        (this.slots[a] as number) - (this.slots[b] as number),
    )
  }
}

/**
 * Writes the image into `file`, which must be empty. Every group's bytes are checked, pages are not: the caller holds
 * the whole against the image's checksum. Throws `BACKUP_DAMAGED`, naming the pack, and `NoKeyFits`.
 */
export async function restoreImage(
  point: RestorePoint,
  store: Pick<BlockStore, 'backupDir'>,
  file: OpenFile,
  options: RestoreOptions,
): Promise<void> {
  let donePages = 0
  for (const window of windowsOf(point)) {
    const order = window.inPackOrder()
    for (let from = 0; from < order.length;) {
      const pack = window.packs[order[from] as number] as number
      let until = from
      while (until < order.length && window.packs[order[until] as number] === pack) until += 1
      const runs = order.subarray(from, until)
      donePages += await restoreFromPack({ window, runs, pack, point }, store, file, options)
      options.onBytes?.(donePages * point.pageSize)
      from = until
    }
  }
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

interface PackPart {
  readonly window: Window
  readonly runs: Uint32Array
  readonly pack: number
  readonly point: RestorePoint
}

/** Writes all pages that a window has from one pack; returns how many. */
async function restoreFromPack(
  part: PackPart,
  store: Pick<BlockStore, 'backupDir'>,
  file: OpenFile,
  { signal, open }: RestoreOptions,
): Promise<number> {
  const { point, window, runs } = part
  const id = packId(point, part.pack)
  using pack = PackFile.open(packPath(store, id), id)
  if (pack.index.pageSize !== point.pageSize) throw damaged(pack.path, 'the pack has pages of another size')
  // Whoever has put one of the other kind here wants it to be taken for what it is not.
  if ((pack.index.sealed !== null) !== point.isSealed)
    throw damaged(pack.path, `the pack is ${point.isSealed ? 'not ' : ''}encrypted, other than its backup`)
  await pack.unlock(open)
  const { groupPages } = pack.index
  const groups = pack.readGroups(groupsOf(part, groupPages))
  let group: Group | null = null
  let pages = 0
  try {
    for (const run of runs) {
      const slot = window.slots[run] as number
      const count = window.counts[run] as number
      const page = window.pages[run] as number
      for (let done = 0; done < count;) {
        const number = Math.floor((slot + done) / groupPages)
        if (group?.group !== number) {
          if (group !== null) freeGroup(group)
          group = (await groups.next()).value as Group
        }
        throwIfCancelled(signal)
        const length = Math.min(count - done, (number + 1) * groupPages - slot - done)
        writeFully(file, pack.pagesOf(group, slot + done, length), (page + done) * point.pageSize)
        done += length
      }
      pages += count
    }
  } finally {
    await groups.return(undefined)
  }
  await yieldToEvents()
  return pages
}

/** The groups that the runs, in the order of the pack, need one after another. */
function* groupsOf({ window, runs }: PackPart, groupPages: number): Generator<number> {
  let last = -1
  for (const run of runs) {
    const slot = window.slots[run] as number
    const end = slot + (window.counts[run] as number)
    for (let group = Math.floor(slot / groupPages); group * groupPages < end; group++) {
      if (group === last) continue
      last = group
      yield group
    }
  }
}
