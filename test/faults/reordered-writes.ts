/**
 * What a disk that loses its power holds: all that was written before it was last told to flush, and, of what was
 * written since, whatever it has got round to, in whichever order.
 */

export interface Write {
  /** Where on the disk, in bytes. */
  readonly offset: number
  readonly bytes: Buffer
}

/** What a disk was told to do. */
export type Told = Write | 'flush'

/** A write that was under way may have got to the disk as a whole, or any of its blocks, or of its sectors. */
const GRAINS: readonly number[] = [Infinity, 4_096, 512]
const HALF = 0.5

/**
 * The writes that lasted, in their order, when the power goes after the first `count` of what the disk was told; a
 * random choice of those that may or may not have.
 */
export function lasting(told: readonly Told[], count: number, random: () => number): Write[] {
  const before = told.slice(0, count)
  const open = before.lastIndexOf('flush') + 1
  // From hardly any of them to nearly all.
  const share = random()
  const begun = before
    .slice(open)
    .filter(isWrite)
    .filter(() => random() < share)
  return [...before.slice(0, open).filter(isWrite), ...begun.flatMap(write => someOf(write, random))]
}

/**
 * `count` moments at which the power may go, spread over all that the disk was told, as {@link lasting} counts. Every
 * other one is moved to right before the next flush, where most is open.
 */
export function moments(told: readonly Told[], count: number, random: () => number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const moment = Math.floor(((i + random()) / count) * told.length)
    const next = told.indexOf('flush', moment)
    return i % 2 === 0 || next === -1 ? moment : next
  })
}

function isWrite(each: Told): each is Write {
  return each !== 'flush'
}

function someOf(write: Write, random: () => number): Write[] {
  const { offset, bytes } = write
  const grain = GRAINS[Math.floor(random() * GRAINS.length)] ?? Infinity
  if (grain >= bytes.length) return [write]
  const parts = Array.from({ length: Math.ceil(bytes.length / grain) }, (_, i) => i * grain)
  return parts
    .filter(() => random() < HALF)
    .map(at => ({ offset: offset + at, bytes: bytes.subarray(at, at + grain) }))
}
