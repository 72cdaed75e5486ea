/** What is left in a pack that lies elsewhere, learnt from its last few kilobytes. */
import { damaged } from './damage.ts'
import { lastingPart, type PackIndex, parsePackIndex, parseTrailer, TRAILER_BYTES } from './pack-index.ts'

/** Bytes at a pack's end, behind what is the same in all of its files. */
export function stateBytes({ present, groups }: PackIndex): number {
  return present.length + groups.length + TRAILER_BYTES
}

/**
 * The index of another file of the same pack. The names of the pages are the same in both, as the pack's id is made of
 * them, so that they prove the rest without being read. Throws `BACKUP_DAMAGED`.
 *
 * @param state its last {@link stateBytes}
 * @param size bytes of the whole file
 */
export function parsePackState(state: Buffer, known: PackIndex, size: number, path: string): PackIndex {
  const figures = parseTrailer(state.subarray(state.length - TRAILER_BYTES))
  const tail = Buffer.concat([lastingPart(known), state])
  const isSame =
    figures?.pageCount === known.pageCount &&
    figures.isSealed === (known.sealed !== null) &&
    figures.indexBytes + TRAILER_BYTES === tail.length
  if (!isSame) throw damaged(path, 'the pack is another than its name says')
  return parsePackIndex(tail, size, path)
}
