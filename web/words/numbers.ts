/** Numbers as people read them. */

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const
const STEP = 1000

/** "1.08 GB": three digits at most. The command line counts in powers of 1024, and calls them MiB and GiB. */
export function formatBytes(bytes: number): string {
  if (bytes < STEP) return bytes === 1 ? '1 byte' : `${bytes} bytes`
  const rounded = Number(bytes.toPrecision(3))
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(rounded) / Math.log10(STEP)))
  return `${(rounded / STEP ** power).toLocaleString('en')} ${UNITS[power]}`
}

export function formatCount(count: number): string {
  return count.toLocaleString('en')
}

/** "1 backup", "2 backups". */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
