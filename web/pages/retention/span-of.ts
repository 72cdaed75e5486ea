/** The first and the last of times, of any number: some 120,000 are too many for the arguments of a call. */
export function spanOf(times: readonly number[]): { readonly first: number; readonly last: number } {
  let first = Infinity
  let last = -Infinity
  for (const time of times) {
    if (time < first) first = time
    if (time > last) last = time
  }
  return { first, last }
}
