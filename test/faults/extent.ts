/**
 * How much of the harness runs: `npm test` takes a selection of a few minutes, `npm run faults` everything.
 * Both run the same tests; what is drawn at random is drawn from a seed that is printed.
 */

/** Whether everything is to be run. */
export const isFull: boolean = process.env['FAULTS'] === 'all'

/** What random choices follow from. `npm run faults -- --seed N` sets it. */
export const SEED: number = Number(process.env['FAULT_SEED'] ?? 1)

/** How long the soak runs. `npm run faults -- --soak-minutes N` sets it. */
export const SOAK_MINUTES: number = Number(process.env['FAULT_SOAK_MINUTES'] ?? 3)

/**
 * All of `items` in a full run; otherwise `count` of them, spread evenly, always with the first and the last; a single
 * one is that in the middle.
 */
export function select<T>(items: readonly T[], count: number): readonly T[] {
  if (isFull || items.length <= count) return items
  if (count === 1) return items.slice(items.length >> 1).slice(0, 1)
  const step = (items.length - 1) / (count - 1)
  return Array.from({ length: count }, (_, i) => items[Math.round(i * step)] as T)
}

/** Random numbers in [0, 1) that follow from `seed` alone (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
