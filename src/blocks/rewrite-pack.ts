import { crc32 } from 'node:zlib'
import { WritableFile } from '../snapshot/writable-file.ts'
import { writeFully } from '../storage/transfer.ts'
import { isDamage } from './damage.ts'
import type { Slots } from './live-pages.ts'
import type { PackFile } from './pack-file.ts'
import { encodePackIndex, groupCount, groupCrc, groupEntry, isPresent, type PackIndex } from './pack-index.ts'
import type { WrittenPack } from './pack-writer.ts'

interface RewrittenGroup {
  readonly bytes: Buffer
  readonly crc: number
}

/**
 * Writes a pack anew without its dead pages. Those that live keep their slots, and all keep their hashes, so it is the
 * same pack under the same id. What is damaged is taken over as it is, for a check to find; of a pack that is locked each
 * group that has a live page.
 *
 * @param path a file that does not exist yet, in a directory of ours
 */
export async function rewritePack(pack: PackFile, live: Slots, path: string): Promise<WrittenPack> {
  using file = new WritableFile(path)
  const head = pack.readHead()
  writeFully(file, head, 0)
  let position = head.length
  const entries: Buffer[] = []
  const present = Buffer.from(pack.index.present)
  for (let group = 0; group < groupCount(pack.index); group++) {
    const { bytes, crc } = await rewriteGroup(pack, group, live, present)
    writeFully(file, bytes, position)
    position += bytes.length
    entries.push(groupEntry(bytes.length, crc))
  }
  const index: PackIndex = { ...pack.index, present, groups: Buffer.concat(entries) }
  const end = encodePackIndex(index)
  writeFully(file, end, position)
  return { file: path, id: pack.id, sizeBytes: position + end.length }
}

/** Clears the bits of dropped pages in `present`. */
async function rewriteGroup(
  pack: PackFile,
  group: number,
  live: Slots,
  present: Buffer,
): Promise<RewrittenGroup> {
  const slots = slotsOf(pack.index, group)
  const kept = slots.filter(slot => live.has(slot))
  const asItIs = (): RewrittenGroup => ({ bytes: pack.readRaw(group), crc: groupCrc(pack.index, group) })
  if (kept.length === slots.length) return asItIs()
  if (kept.length === 0) {
    drop(slots, present)
    return { bytes: Buffer.alloc(0), crc: 0 }
  }
  if (pack.isLocked) return asItIs()
  try {
    const read = await pack.readGroup(group)
    if (pack.firstWrong(read) !== null) return asItIs()
    const pages = kept.map(slot => pack.pagesOf(read, slot, 1))
    const bytes = await pack.encodeGroup(group, Buffer.concat(pages))
    drop(
      slots.filter(slot => !live.has(slot)),
      present,
    )
    return { bytes, crc: crc32(bytes) }
  } catch (error) {
    if (isDamage(error)) return asItIs()
    throw error
  }
}

/** The slots of a group whose pages are in the pack. */
function slotsOf(index: PackIndex, group: number): number[] {
  const from = group * index.groupPages
  return Array.from({ length: index.groupPages }, (_, i) => from + i).filter(slot => isPresent(index, slot))
}

function drop(slots: readonly number[], present: Buffer): void {
  for (const slot of slots) present[slot >> 3] = (present[slot >> 3] as number) & ~(1 << (slot & 7))
}
