/** Which of what is stored somewhere is read again in a run, so that all of it is in turn. Pure. */
import { CLOCK_TOLERANCE_MS } from './due.ts'

/** Something that is read as a whole. */
export interface Readable {
  readonly bytes: number
  /** When it was last read, or put there if it never was: milliseconds since 1970. */
  readonly readAt: number
}

/** How much of all of it: a share of the bytes (0 to 1), so much that each is read again within a time, or all (null). */
export type Portion = { readonly share: number } | { readonly withinMs: number } | null

/** When it was last read; 0 where a wrong clock noted that, or nothing would be read again until then. */
export function lastReadAt({ readAt }: Readable, now: number): number {
  return readAt > now + CLOCK_TOLERANCE_MS ? 0 : readAt
}

/** What is to be read now, what was read longest ago first. */
export function choosePortion<Item extends Readable>(
  items: readonly Item[],
  portion: Portion,
  now: number,
): Item[] {
  const sorted = items.toSorted((a, b) => lastReadAt(a, now) - lastReadAt(b, now))
  if (portion === null) return sorted
  return sorted.slice(
    0,
    'share' in portion ? countOfShare(sorted, portion.share) : countDue(sorted, portion.withinMs, now),
  )
}

/** What is empty takes a request all the same. */
function weightOf({ bytes }: Readable): number {
  return Math.max(bytes, 1)
}

function totalOf(items: readonly Readable[]): number {
  return items.reduce((sum, item) => sum + weightOf(item), 0)
}

/** At least one, and no more once the share is reached. */
function countOfShare(sorted: readonly Readable[], share: number): number {
  const wanted = totalOf(sorted) * share
  let bytes = 0
  for (const [index, item] of sorted.entries()) {
    if (bytes >= wanted) return index
    bytes += weightOf(item)
  }
  return sorted.length
}

/**
 * Spread evenly, whatever the time between runs and however they were put there: of what is left, what was read longer
 * ago than something is at most the share of all bytes for which that thing still has time. So nothing comes due in one
 * heap, a run that was missed is made up for by the next, and after each nothing is older than the time.
 */
function countDue(sorted: readonly Readable[], withinMs: number, now: number): number {
  const total = totalOf(sorted)
  const ahead: number[] = []
  const allowed: number[] = []
  let bytes = 0
  for (const item of sorted) {
    ahead.push(bytes)
    allowed.push(total * (1 - (now - lastReadAt(item, now)) / withinMs))
    bytes += weightOf(item)
  }
  // How much has to be read at least, if the one at an index is not: it, or any after it, would be late.
  const needed = ahead.map((before, index) => before - (allowed[index] as number))
  for (let index = needed.length - 2; index >= 0; index--)
    needed[index] = Math.max(needed[index] as number, needed[index + 1] as number)
  const count = needed.findIndex((atLeast, index) => (ahead[index] as number) >= atLeast)
  return count === -1 ? sorted.length : count
}

/** The share that a text such as "5%" or "1/30" says; null for what is none. */
export function parseShare(text: string): number | null {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1]
  const [, part, whole] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  const share = percent !== undefined ? Number(percent) / 100 : Number(part) / Number(whole)
  return share > 0 && share <= 1 ? share : null
}
