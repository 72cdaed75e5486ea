/** Which packs it is worth to write anew without their dead pages. Reads nothing. */
import type { Slots } from './live-pages.ts'
import { groupCount, groupLength, isPresent, type PackIndex } from './pack-index.ts'

/** Of what is dead, so much may stay: giving back the last bit would mean to rewrite every pack. */
const LEFT_SHARE = 0.1
/** Below this share of the store what is dead in packs that live stays until there is more of it. */
const WORTHWHILE_SHARE = 0.01

export interface JudgedPack {
  readonly sizeBytes: number
  /** What it would give back; 0 for one that is to stay as it is. */
  readonly deadBytes: number
}

/** The packs that have most to give, until nearly all is given. */
export function choosePacks<Pack extends JudgedPack>(packs: readonly Pack[]): Pack[] {
  const total = packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const dead = packs.reduce((sum, { deadBytes }) => sum + deadBytes, 0)
  if (dead === 0 || dead < total * WORTHWHILE_SHARE) return []
  let left = dead
  return packs
    .toSorted((a, b) => b.deadBytes - a.deadBytes)
    .filter(({ deadBytes }) => {
      // A part of what is counted as dead stays: the names of the pages.
      if (left <= (dead * LEFT_SHARE) / 2) return false
      left -= deadBytes
      return deadBytes > 0
    })
}

/** What of an index tells which pages are in a pack, and how long its groups are. */
export type PackHoldings = Pick<PackIndex, 'pageCount' | 'groupPages' | 'present' | 'groups'>

/** Bytes of the groups that have no live page. */
export function deadGroupBytes(pack: PackHoldings, live: Slots): number {
  let bytes = 0
  for (let group = 0; group < groupCount(pack); group++)
    if (!live.hasAny(group * pack.groupPages, pack.groupPages)) bytes += groupLength(pack, group)
  return bytes
}

/** Bytes of the pages that are not live, as if all of a group took as many. */
export function deadPageBytes(pack: PackHoldings, live: Slots): number {
  const { pageCount, groupPages } = pack
  let bytes = 0
  for (let from = 0; from < pageCount; from += groupPages) {
    let [present, dead] = [0, 0]
    for (let slot = from; slot < Math.min(pageCount, from + groupPages); slot++) {
      if (!isPresent(pack, slot)) continue
      present += 1
      if (!live.has(slot)) dead += 1
    }
    if (dead > 0) bytes += (groupLength(pack, from / groupPages) * dead) / present
  }
  return bytes
}
