/**
 * Of which directories this process knows that nothing was left behind in them, so that a round over many databases does
 * not read tens of thousands of names for each. All that is left behind are directories, so that one shows in the number of
 * links even where times tick too slowly to tell.
 */
import { stat } from 'node:fs/promises'
import { unlessMissing } from '../storage/io-errors.ts'

/** Not every file system counts directories as links, and on some of them times are coarse: after so long all is read again. */
const TRUSTED_MS = 60_000

interface Known {
  readonly look: string
  readonly readAtMs: number
}

const known = new Map<string, Known>()

/** How a directory looks: something else once a name in it was made or removed. Null when it is not there. */
export async function lookAt(directory: string): Promise<string | null> {
  const stats = await unlessMissing(directory, () => stat(directory, { bigint: true }))
  return stats === null ? null : [stats.dev, stats.ino, stats.nlink, stats.mtimeNs].join(' ')
}

/**
 * Whether nothing can have been left behind since the directory was read.
 *
 * @param paths how the paths of what may be left behind there begin
 * @param look how it looks now
 */
export function isClean(paths: string, look: string | null): boolean {
  const before = known.get(paths)
  return before?.look === look && performance.now() - before.readAtMs < TRUSTED_MS
}

/** Notes that a directory that looked like this was read, and nothing was left behind in it. */
export function noteRead(paths: string, look: string | null): void {
  if (look !== null) known.set(paths, { look, readAtMs: performance.now() })
}

/** Notes how it looks after a change of our own, under the lock that keeps others from leaving anything there meanwhile. */
export function noteChange(paths: string, look: string | null): void {
  const before = known.get(paths)
  if (before !== undefined && look !== null) known.set(paths, { ...before, look })
}

export function forget(paths: string): void {
  known.delete(paths)
}
