/** Which anchors need not be kept. Pure. */
import type { AuditAnchor } from './anchor.ts'

/** As long as somebody may ask on which day a line was there. */
const KEPT_MS = 365 * 86_400_000

/**
 * The anchors of one log that a cleanup deletes: all but the newest, and the newest of each day (UTC) of a year. Nothing is
 * lost with them for proving: the newest vouches for all lines before it. A clock that is wrong, now or when the newest
 * was put, makes none look older than the other of both says.
 */
export function anchorsToDelete(anchors: readonly AuditAnchor[], now: Date): readonly AuditAnchor[] {
  const newestFirst = anchors.toSorted((a, b) => b.seq - a.seq || Date.parse(b.time) - Date.parse(a.time))
  const [newest] = newestFirst
  if (newest === undefined) return []
  const since = Math.min(now.getTime(), Date.parse(newest.time)) - KEPT_MS
  const days = new Set<string>()
  return newestFirst.filter(({ time }, index) => {
    const day = time.slice(0, 10)
    const isKept = index === 0 || (!days.has(day) && Date.parse(time) >= since)
    days.add(day)
    return !isKept
  })
}
