import prettyBytes from 'pretty-bytes'

/** "4.21 MiB" */
export function bytes(count: number): string {
  return prettyBytes(count, { binary: true })
}

/** "1 backup", "2 backups" */
export function plural(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`
}
