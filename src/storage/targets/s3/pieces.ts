/** Cutting what is put into parts of one size. */
import type { Content } from '../../target.ts'

/** S3 takes no smaller ones, but for the last. */
const PART_BYTES_MIN = 5 << 20
/** Small enough for a broken line to lose little, and for several in memory. */
const PART_BYTES = 8 << 20
/** Where nobody knows how much comes, 10,000 parts are to reach for 156 GiB. */
const PART_BYTES_UNKNOWN = 16 << 20
export const PARTS_MAX = 10_000
const MIB = 1 << 20

/** The same for the same size, so that an upload can be resumed. */
export function partSizeOf(sizeBytes: number | null, configuredBytes: number | null): number {
  const wanted = Math.max(configuredBytes ?? 0, PART_BYTES_MIN)
  if (sizeBytes === null) return configuredBytes === null ? PART_BYTES_UNKNOWN : wanted
  const needed = Math.ceil(sizeBytes / PARTS_MAX / MIB) * MIB
  return Math.max(configuredBytes === null ? PART_BYTES : wanted, needed)
}

/** The content as parts of that size; the last may be smaller, and is empty only when there is nothing at all. */
export async function* partsOf(content: Content, partBytes: number): AsyncIterable<Uint8Array> {
  let part: Uint8Array[] = []
  let held = 0
  let any = false
  for await (const chunk of content.open(0)) {
    let rest = chunk
    while (held + rest.length >= partBytes) {
      const taken = partBytes - held
      // A copy: who made the chunk may use its memory again.
      yield Buffer.concat([...part, rest.subarray(0, taken)])
      any = true
      part = []
      held = 0
      rest = rest.subarray(taken)
    }
    if (rest.length > 0) {
      part.push(Buffer.from(rest))
      held += rest.length
    }
  }
  if (held > 0 || !any) yield Buffer.concat(part)
}
