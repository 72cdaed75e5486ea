import { isDamage } from '../blocks/damage.ts'
import {
  type PackIndex,
  packIdOf,
  parsePackIndex,
  parseTrailer,
  TRAILER_BYTES,
} from '../blocks/pack-index.ts'
import { packKey } from '../catalog/target-keys.ts'
import { isOfObject } from '../storage/target-failure.ts'
import type { PacksAtTarget } from './packs-at-target.ts'

/** The index of a pack of hundreds of pages fits: of most, which hold what changed once, it is had by asking once. */
const TAIL_BYTES = 16 << 10

/** What a pack at the target says that it holds; null when it is not there, or is none of that id. */
export async function fetchPackIndex(
  id: string,
  packs: PacksAtTarget,
  signal: AbortSignal,
): Promise<PackIndex | null> {
  const sizeBytes = packs.sizeOf(id)
  const key = packKey(id)
  if (sizeBytes === null || sizeBytes < TRAILER_BYTES) return null
  const fetchEnd = async (wanted: number): Promise<Buffer> => {
    const length = Math.min(wanted, sizeBytes)
    const range = { from: sizeBytes - length, length }
    const pieces = await Array.fromAsync(packs.target.get(key, { signal, range }), piece =>
      Buffer.from(piece),
    )
    return Buffer.concat(pieces)
  }
  try {
    const end = await fetchEnd(TAIL_BYTES)
    const figures = parseTrailer(end.subarray(-TRAILER_BYTES))
    const tailBytes = (figures?.indexBytes ?? sizeBytes) + TRAILER_BYTES
    if (tailBytes > sizeBytes) return null
    const tail = tailBytes > end.length ? await fetchEnd(tailBytes) : end
    // A copy: of a view all that was fetched would stay in memory.
    const index = parsePackIndex(Buffer.from(tail.subarray(-tailBytes)), sizeBytes, key)
    return packIdOf(index) === id ? index : null
  } catch (error) {
    if (isOfObject(error) || isDamage(error)) return null
    throw error
  }
}
