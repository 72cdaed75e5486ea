/** Numbers as people read them. */

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const
const STEP = 1000

/** "1.08 GB": three digits at most, as the command line shows it. */
export function formatBytes(bytes: number): string {
  const power = Math.min(
    UNITS.length - 1,
    bytes < STEP ? 0 : Math.floor(Math.log10(bytes) / Math.log10(STEP)),
  )
  const value = bytes / STEP ** power
  if (power === 0) return bytes === 1 ? '1 byte' : `${bytes} bytes`
  return `${Number(value.toPrecision(3)).toLocaleString('en')} ${UNITS[power]}`
}

export function formatCount(count: number): string {
  return count.toLocaleString('en')
}

/** "1 backup", "2 backups". */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
