import { crc32 } from 'node:zlib'
import { WritableFile } from '../snapshot/writable-file.ts'
import { writeFully } from '../storage/transfer.ts'
import { damaged } from './damage.ts'
import type { PackFile } from './pack-file.ts'
import { encodePackIndex, groupCount, groupEntry, isPresent, type PackIndex } from './pack-index.ts'
import type { WrittenPack } from './pack-writer.ts'
import { isGroupWhole, WholePages } from './whole-pages.ts'

interface MergedGroup {
  readonly slots: readonly number[]
  readonly bytes: Buffer
}

export interface MergeOptions {
  /**
   * Of a pack that is locked: whether a group that is whole in the first file is taken from there, whatever the other one
   * has. Without a key nobody can tell whether the other's was written by us.
   */
  readonly isFirstKept: boolean
}

/**
 * Writes a pack that has every page which one of two files of the same pack has, as it was written. Pages keep their
 * slots, so that whatever restore point could be made of either can be made of it. Of a pack that is locked whole groups
 * are taken; throws `BACKUP_DAMAGED` where that would lose a page.
 *
 * @param path a file that does not exist yet, in a directory of ours
 */
export async function mergePacks(
  one: PackFile,
  other: PackFile,
  path: string,
  { isFirstKept }: MergeOptions = { isFirstKept: false },
): Promise<WrittenPack> {
  const { pageCount, groupPages } = one.index
  // Who has made groups of another size has not made them with this software.
  const sources = [one, other].filter(({ index }) => index.groupPages === groupPages)
  const mergeGroup = one.isLocked ? groupWise(sources, isFirstKept) : pageWise(sources)
  const present = Buffer.alloc(one.index.present.length)
  const entries: Buffer[] = []
  using file = new WritableFile(path)
  // The same in both, as the pack's id says; one may have been damaged since.
  const head = (sources.find(({ isKeyWhole }) => isKeyWhole) ?? one).readHead()
  writeFully(file, head, 0)
  let position = head.length
  for (let group = 0; group < groupCount(one.index); group++) {
    const from = group * groupPages
    const { slots, bytes } = await mergeGroup(group, from, Math.min(pageCount, from + groupPages))
    for (const slot of slots) present[slot >> 3] = (present[slot >> 3] as number) | (1 << (slot & 7))
    writeFully(file, bytes, position)
    position += bytes.length
    entries.push(groupEntry(bytes.length, slots.length === 0 ? 0 : crc32(bytes)))
  }
  const index: PackIndex = { ...one.index, present, groups: Buffer.concat(entries) }
  const end = encodePackIndex(index)
  writeFully(file, end, position)
  return { file: path, id: one.id, sizeBytes: position + end.length }
}

type MergeGroup = (group: number, from: number, until: number) => Promise<MergedGroup>

function pageWise(sources: readonly PackFile[]): MergeGroup {
  const pages = sources.map(pack => new WholePages(pack))
  return async (group, from, until) => {
    const slots: number[] = []
    const found: Buffer[] = []
    for (let slot = from; slot < until; slot++) {
      const page = await firstOf(pages, slot)
      if (page === null) continue
      found.push(page)
      slots.push(slot)
    }
    const bytes =
      found.length === 0
        ? Buffer.alloc(0)
        : await (sources[0] as PackFile).encodeGroup(group, Buffer.concat(found))
    return { slots, bytes }
  }
}

async function firstOf(sources: readonly WholePages[], slot: number): Promise<Buffer | null> {
  for (const source of sources) {
    const page = await source.read(slot)
    if (page !== null) return page
  }
  return null
}

function groupWise(sources: readonly PackFile[], isFirstKept: boolean): MergeGroup {
  return async (group, from, until) => {
    const range = Array.from({ length: until - from }, (_, i) => from + i)
    const whole = sources
      .filter(pack => isGroupWhole(pack, group))
      .map(pack => ({ pack, slots: range.filter(slot => isPresent(pack.index, slot)) }))
      .filter(({ slots }) => slots.length > 0)
    if (!isFirstKept) whole.sort((a, b) => b.slots.length - a.slots.length)
    const [best] = whole
    if (best === undefined) return { slots: [], bytes: Buffer.alloc(0) }
    const { pack, slots } = best
    const isAll = isFirstKept || whole.every(each => each.slots.every(slot => slots.includes(slot)))
    if (!isAll) throw damaged(pack.path, `two files of the pack have different pages of group ${group}`)
    return { slots, bytes: pack.readChecked(group) }
  }
}
