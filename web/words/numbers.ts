/** Numbers as people read them. */
import prettyBytes from 'pretty-bytes'

/** "4.21 MiB": in powers of 1024, as every door says a size. */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { binary: true })
}

/** What may lie between two lines of a grid, so that they say "2 MiB" and "4 MiB", not "1.91 MiB" and "3.81 MiB". */
export const BYTE_STEPS: readonly number[] = Array.from({ length: 50 }, (_, power) => 2 ** power)

/** The same for counts. */
export const COUNT_STEPS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]

export function formatCount(count: number): string {
  return count.toLocaleString('en')
}

/** "1 backup", "2 backups". */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
