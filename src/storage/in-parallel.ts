/**
 * Does something with each of the items, a few at a time, and keeps their order. The first failure ends it: what is
 * under way is still awaited, nothing new is begun.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  countMax: number,
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const queue = items.entries()
  let hasFailed = false
  const work = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (hasFailed) return
      try {
        results[index] = await act(item)
      } catch (error) {
        hasFailed = true
        throw error
      }
    }
  }
  const workers = Array.from({ length: Math.min(countMax, items.length) }, work)
  const settled = await Promise.allSettled(workers)
  const failed = settled.find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
  return results
}
