/** What is left in a pack that lies elsewhere, learnt from its last few kilobytes. */
import type { PackHoldings } from './choose-packs.ts'
import { damaged } from './damage.ts'
import {
  GROUP_ENTRY_BYTES,
  groupCount,
  lastingPart,
  type PackIndex,
  parsePackIndex,
  parseTrailer,
  TRAILER_BYTES,
} from './pack-index.ts'

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

/** What stands behind the names in a pack that we made is not longer: at 512 bytes a page it is 25 KiB. */
export const STATE_BYTES_MAX: number = 32 << 10

/** What a pack says that it holds. Nothing proves it: its names are elsewhere. */
export interface ClaimedHoldings extends PackHoldings {
  readonly isSealed: boolean
}

/** Null where its last bytes are none of a pack that we made. @param end the last bytes of its file */
export function parseHoldings(end: Buffer): ClaimedHoldings | null {
  if (end.length < TRAILER_BYTES) return null
  const figures = parseTrailer(end.subarray(-TRAILER_BYTES))
  if (figures === null) return null
  const { pageCount, groupPages, isSealed } = figures
  const presentBytes = Math.ceil(pageCount / 8)
  const groupsBytes = groupCount(figures) * GROUP_ENTRY_BYTES
  const from = end.length - TRAILER_BYTES - presentBytes - groupsBytes
  if (from < 0) return null
  const groupsFrom = from + presentBytes
  return {
    pageCount,
    groupPages,
    isSealed,
    present: end.subarray(from, groupsFrom),
    groups: end.subarray(groupsFrom, groupsFrom + groupsBytes),
  }
}
