const SUGGESTIONS_MAX = 3

/** The names that differ from `wanted` by a few letters only, or hold it, nearest first. */
export function nearest(wanted: string, names: readonly string[]): string[] {
  const folded = wanted.toLowerCase()
  const distanceMax = Math.max(1, Math.floor(wanted.length / 3))
  return names
    .map(name => ({ name, distance: nearness(folded, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= distanceMax)
    .sort((one, other) => one.distance - other.distance)
    .slice(0, SUGGESTIONS_MAX)
    .map(({ name }) => name)
}

function nearness(wanted: string, name: string): number {
  if (wanted.length > 2 && (name.includes(wanted) || (name.length > 2 && wanted.includes(name)))) return 1
  return editDistance(wanted, name)
}

/** Levenshtein's, row by row. */
function editDistance(one: string, other: string): number {
  let above = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let row = 1; row <= one.length; row++) {
    const here = [row]
    for (let column = 1; column <= other.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (one[row - 1] === other[column - 1] ? 0 : 1)
      here.push(Math.min(replaced, (above[column] ?? 0) + 1, (here[column - 1] ?? 0) + 1))
    }
    above = here
  }
  return above[other.length] ?? 0
}
