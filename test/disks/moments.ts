/** The moments of an operation at which something can be done to its disks, from within the process that runs it. */
import { closeSync, openSync, promises, statfsSync, writeSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import type { Progress } from '../../src/index.ts'

export interface Disturbance extends Disposable {
  readonly onProgress: (progress: Progress) => void
}

/** Named like a step, with a number: the n-th time that free space was asked for, and answered. */
const SPACE_CHECKED = 'space-checked-'

/**
 * Calls `disturb` once, when the moment comes: the beginning of a step, or the instant after the product has
 * asked for the free space, at which another program may take it.
 */
export function disturbAt(moment: string, disturb: () => void): Disturbance {
  return watchMoments(reached => {
    if (reached !== moment) return true
    disturb()
    return false
  })
}

/** Tells every moment of what is run until it is disposed of. */
export function collectMoments(moments: Set<string>): Disturbance {
  return watchMoments(moment => {
    moments.add(moment)
    return true
  })
}

/** Calls `reach` with every moment until it returns false. */
function watchMoments(reach: (moment: string) => boolean): Disturbance {
  const { statfs } = promises
  let checks = 0
  let isWatching = true
  const come = (moment: string): void => {
    if (isWatching) isWatching = reach(moment)
  }
  const watched = async (path: string): Promise<unknown> => {
    const answer = await statfs(path)
    come(`${SPACE_CHECKED}${++checks}`)
    return answer
  }
  setStatfs(watched)
  return {
    onProgress: ({ step }) => come(step),
    [Symbol.dispose]: () => setStatfs(statfs),
  }
}

/** The product imports it by name; Node passes a change on to whoever did. */
function setStatfs(statfs: unknown): void {
  Object.assign(promises, { statfs })
  syncBuiltinESMExports()
}

/** Fills a file system until about `leaveBytes` are free for this user, with a file `filler`. */
export function takeSpace(directory: string, leaveBytes: number): void {
  const { bavail, bsize } = statfsSync(directory)
  const filler = openSync(join(directory, 'filler'), 'w')
  try {
    const bytes = Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes))
    for (let done = 0; done < bytes.length;) done += writeSync(filler, bytes, done)
  } catch {
    // The file system needs some for itself: it is full all the more.
  } finally {
    closeSync(filler)
  }
}
