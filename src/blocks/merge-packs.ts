import { crc32 } from 'node:zlib'
import { WritableFile } from '../snapshot/writable-file.ts'
import { writeFully } from '../storage/transfer.ts'
import type { PackFile } from './pack-file.ts'
import { encodePackIndex, groupCount, groupEntry, PACK_MAGIC, type PackIndex } from './pack-index.ts'
import { compressGroup, type WrittenPack } from './pack-writer.ts'
import { WholePages } from './whole-pages.ts'

/**
 * Writes a pack that has every page which one of two files of the same pack has, as it was written. Pages keep their
 * slots, so that whatever restore point could be made of either can be made of it.
 *
 * @param path a file that does not exist yet, in a directory of ours
 */
export async function mergePacks(one: PackFile, other: PackFile, path: string): Promise<WrittenPack> {
  const { pageCount, groupPages } = one.index
  // Who has made groups of another size has not made them with this software.
  const sources = [one, other].filter(({ index }) => index.groupPages === groupPages)
  const pages = sources.map(pack => new WholePages(pack))
  const present = Buffer.alloc(one.index.present.length)
  const entries: Buffer[] = []
  using file = new WritableFile(path)
  writeFully(file, PACK_MAGIC, 0)
  let position = PACK_MAGIC.length
  for (let group = 0; group < groupCount(one.index); group++) {
    const found: Buffer[] = []
    for (let slot = group * groupPages; slot < Math.min(pageCount, (group + 1) * groupPages); slot++) {
      const page = await firstOf(pages, slot)
      if (page === null) continue
      found.push(page)
      present[slot >> 3] = (present[slot >> 3] as number) | (1 << (slot & 7))
    }
    const bytes = found.length === 0 ? Buffer.alloc(0) : await compressGroup(Buffer.concat(found))
    writeFully(file, bytes, position)
    position += bytes.length
    entries.push(groupEntry(bytes.length, found.length === 0 ? 0 : crc32(bytes)))
  }
  const index: PackIndex = { ...one.index, present, groups: Buffer.concat(entries) }
  const end = encodePackIndex(index)
  writeFully(file, end, position)
  return { file: path, id: one.id, sizeBytes: position + end.length }
}

async function firstOf(sources: readonly WholePages[], slot: number): Promise<Buffer | null> {
  for (const source of sources) {
    const page = await source.read(slot)
    if (page !== null) return page
  }
  return null
}
