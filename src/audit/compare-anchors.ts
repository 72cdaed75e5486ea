/** Comparing the anchors that a target keeps with the log that is here. Pure: the lines are handed in one after another. */
import { type AuditAnchor, logId } from './anchor.ts'
import type { AuditEntry } from './entry.ts'
import type { ReadLine } from './line.ts'
import type { AuditProblem } from './reports.ts'

/** Where a line stands, and its hash; null for one that is not what its hash says. */
interface Standing {
  readonly line: number
  readonly hash: string | null
}

/** What anchors ask of a log: the lines that they are of, and where it begins and ends. Grows with them, not with the log. */
export class LogOutline {
  /** The files that the log consists of; more than one where they were put together again. */
  readonly logs: Set<string> = new Set()
  first: AuditEntry | null = null
  /** The highest number of a line. */
  lastSeq = 0
  readonly #standing: ReadonlyMap<number, Standing[]>

  constructor(anchors: Iterable<AuditAnchor>) {
    this.#standing = new Map(Array.from(anchors, ({ seq }) => [seq, []]))
  }

  add(read: ReadLine, line: number): void {
    if (read.state === 'invalid') return
    const { entry } = read
    const { seq, hash, gap } = entry
    if (this.first === null || gap?.restarted === true) this.logs.add(logId(hash))
    this.first ??= entry
    this.lastSeq = Math.max(this.lastSeq, seq)
    this.#standing.get(seq)?.push({ line, hash: read.state === 'entry' ? hash : null })
  }

  /** The lines of that number. */
  linesOf(seq: number): readonly Standing[] {
    return this.#standing.get(seq) ?? []
  }
}

export interface ComparedAnchors {
  /** The log has just that line. */
  readonly agreeing: readonly AuditAnchor[]
  /** Of lines that were put away, so that nothing here says anything about them. */
  readonly earlier: readonly AuditAnchor[]
  /** How many are of logs of other backup directories. */
  readonly others: number
  /** The first one that contradicts, and what that means. */
  readonly problem: AuditProblem | null
}

/** @param place what names the backup directory that the log is in */
export function compareAnchors(
  { target, anchors }: { readonly target: string; readonly anchors: readonly AuditAnchor[] },
  outline: LogOutline,
  place: string,
): ComparedAnchors {
  const judged = anchors.map(anchor => ({ anchor, verdict: judge(anchor, outline, place) }))
  const those = (wanted: Verdict): AuditAnchor[] =>
    judged.flatMap(({ anchor, verdict }) => (verdict === wanted ? [anchor] : []))
  const [first] = those('contradicts').toSorted(
    (a, b) => a.seq - b.seq || Date.parse(a.time) - Date.parse(b.time),
  )
  return {
    agreeing: those('agrees'),
    earlier: those('earlier'),
    others: those('other').length,
    problem: first === undefined ? null : explain(first, outline, target),
  }
}

type Verdict = 'agrees' | 'earlier' | 'other' | 'contradicts'

function judge(anchor: AuditAnchor, outline: LogOutline, place: string): Verdict {
  const { seq, hash } = anchor
  if (outline.linesOf(seq).some(line => line.hash === hash)) return 'agrees'
  const { first } = outline
  const isContinued = first?.gap?.restarted === true
  if (isContinued && seq === first.seq - 1 && hash === first.previous) return 'agrees'
  // A log is told from others by its first line, and also by where it lies: one that was replaced has another first line.
  if (anchor.place !== place && !outline.logs.has(anchor.log)) return 'other'
  return isContinued && seq < first.seq - 1 ? 'earlier' : 'contradicts'
}

function explain(anchor: AuditAnchor, outline: LogOutline, target: string): AuditProblem {
  const { seq, time } = anchor
  const line = outline.linesOf(seq)[0]?.line ?? null
  const [code, meaning] = explainAt(anchor, line, outline)
  return {
    code,
    line,
    target,
    message: `The target ${target} knows of entry ${seq} since ${time}, ${meaning}`,
  }
}

function explainAt(
  { seq, log }: AuditAnchor,
  line: number | null,
  { first, logs, lastSeq }: LogOutline,
): readonly [AuditProblem['code'], string] {
  if (first === null) return ['TAIL_MISSING', 'and the log has no line: it was removed']
  if (!logs.has(log))
    return [
      'LOG_REPLACED',
      'of another log in this backup directory: it was replaced by the one that is there',
    ]
  if (seq > lastSeq) return ['TAIL_MISSING', `and the log ends with ${lastSeq}: its tail was cut off`]
  if (line === null) return ['LINE_MISSING', 'which is not in the log']
  return ['LOG_REWRITTEN', `and line ${line} is not that one: the log was written anew, from there or before`]
}
