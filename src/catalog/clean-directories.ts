/**
 * Of which directories this process knows that nothing was left behind in them, so that a round over many databases does
 * not read tens of thousands of names for each. All that is left behind are directories, so that one shows in the number of
 * links even where times tick too slowly to tell. A directory is named by how the paths begin of what may be left behind in it.
 */
import { dirname } from 'node:path'
import { during } from '../storage/io-errors.ts'
import { exactStatOf } from '../storage/looks.ts'

/** Not every file system counts directories as links, and on some of those times are coarse: after so long all is read again. */
const TRUSTED_MS = 60_000

interface Known {
  readonly look: string
  readonly readAtMs: number
}

const known = new Map<string, Known>()

/** How a directory looks: something else once a name in it was made or removed. Null when it is not there. */
export async function lookAt(paths: string): Promise<string | null> {
  const stats = await during('read', paths, () => exactStatOf(dirname(paths)))
  return stats === null ? null : [stats.dev, stats.ino, stats.nlink, stats.mtimeNs].join(' ')
}

/** Whether nothing can have been left behind since it was read. */
export async function isClean(paths: string): Promise<boolean> {
  const before = known.get(paths)
  if (before === undefined || performance.now() - before.readAtMs >= TRUSTED_MS) return false
  return (await lookAt(paths)) === before.look
}

/** Notes that it was read, and nothing was left behind in it; `look` is from before the reading. */
export function noteRead(paths: string, look: string | null): void {
  if (look !== null) known.set(paths, { look, readAtMs: performance.now() })
}

/** Notes how it looks after changes of our own, under the lock that keeps others from leaving anything there meanwhile. */
export async function noteChange(paths: string): Promise<void> {
  const before = known.get(paths)
  if (before === undefined) return
  const look = await lookAt(paths)
  if (look !== null) known.set(paths, { ...before, look })
}

export function forget(paths: string): void {
  known.delete(paths)
}
