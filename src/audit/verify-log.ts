/** Following the chain of the audit log from its first line to its last. */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Failure } from '../errors.ts'
import { unlessMissing } from '../storage/io-errors.ts'
import type { AuditAnchor } from './anchor.ts'
import { type ComparedAnchors, compareAnchors, LogOutline } from './compare-anchors.ts'
import type { AuditEntry } from './entry.ts'
import { type AuditHead, LINE_BYTES_MAX, NO_HASH, type ReadLine, readLine } from './line.ts'
import { logPath, readHead } from './log-file.ts'
import type { AuditLogVerified, AuditProblem, TargetAnchors } from './reports.ts'

/** The anchors that a target has, of this log and of others; or why it could not be asked. */
export interface FoundAnchors {
  readonly target: string
  readonly anchors: readonly AuditAnchor[]
  readonly failure: Failure | null
}

/** What targets keep of logs. It is read before the log: an anchor that is put meanwhile is of a line that nobody misses. */
interface AnchorsKept {
  readonly found: readonly FoundAnchors[]
  /** What names the backup directory that the log is in. */
  readonly place: string
}

const NO_ANCHORS: AnchorsKept = { found: [], place: '' }

/**
 * Names the first line that was changed, removed or put elsewhere, and the first that each target knows otherwise. Reads
 * the file once, line by line, without its lock: what is added meanwhile is looked at too.
 */
export async function verifyLog(
  backupDir: string,
  { found, place }: AnchorsKept = NO_ANCHORS,
): Promise<AuditLogVerified> {
  const started = performance.now()
  const { chain, outline, problem } = await followLog(
    backupDir,
    found.flatMap(({ anchors }) => anchors),
  )
  const compared = found.map(each => ({ each, result: compareAnchors(each, outline, place) }))
  const anchors = compared.map(({ each, result }) => reportAnchors(each, result))
  const problems = [problem, ...compared.map(({ result }) => result.problem)].filter(each => each !== null)
  // An empty log needs nobody to vouch for it, unless an anchor knows of a line.
  const isUnproven = ({ status }: TargetAnchors): boolean =>
    status === 'failed' || (status === 'none' && chain.last !== null)
  return {
    success: true,
    status: problems.length > 0 ? 'damaged' : anchors.some(isUnproven) ? 'incomplete' : 'intact',
    path: logPath(backupDir),
    entries: chain.entries,
    problems,
    notes: chain.notes,
    head: chain.last,
    anchors,
    durationMs: Math.round(performance.now() - started),
  }
}

/** The anchors of this log at one target, by what the log says of them; null where anything contradicts, here or there. */
export async function agreeingAnchors(
  backupDir: string,
  found: FoundAnchors,
  place: string,
): Promise<readonly AuditAnchor[] | null> {
  const { outline, problem } = await followLog(backupDir, found.anchors)
  const { agreeing, earlier, problem: contradiction } = compareAnchors(found, outline, place)
  return problem === null && contradiction === null ? [...agreeing, ...earlier] : null
}

interface Followed {
  readonly chain: Chain
  readonly outline: LogOutline
  /** What is wrong with the chain itself. */
  readonly problem: AuditProblem | null
}

/** @param anchors whose lines are looked at */
async function followLog(backupDir: string, anchors: readonly AuditAnchor[]): Promise<Followed> {
  const path = logPath(backupDir)
  // Before the log: a line that is added meanwhile must not look like one that is missing.
  const chain = new Chain(await readHead(backupDir))
  const outline = new LogOutline(anchors)
  const isThere = (await unlessMissing(path, () => stat(path))) !== null
  if (isThere) for await (const line of linesOf(path)) outline.add(chain.add(line), chain.line)
  return { chain, outline, problem: chain.end() }
}

function reportAnchors({ target, failure }: FoundAnchors, result: ComparedAnchors): TargetAnchors {
  const { agreeing, earlier, others, problem } = result
  const newest = agreeing.reduce<AuditAnchor | null>(
    (found, anchor) => (found === null || anchor.seq > found.seq ? anchor : found),
    null,
  )
  const status = problem !== null ? 'contradicts' : newest === null ? 'none' : 'agrees'
  return {
    target,
    status: failure !== null ? 'failed' : status,
    agreeing: agreeing.length,
    earlier: earlier.length,
    others,
    newest: newest === null ? null : { seq: newest.seq, hash: newest.hash, time: newest.time },
    failure,
  }
}

interface Line {
  readonly bytes: Buffer
  /** Whether its end is there. */
  readonly isWhole: boolean
}

async function* linesOf(path: string): AsyncGenerator<Line> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a)) {
      yield { bytes: bytes.subarray(0, end), isWhole: true }
      bytes = bytes.subarray(end + 1)
    }
    // No line of ours is as long, and nobody is to fill the memory.
    if (bytes.length > LINE_BYTES_MAX) yield { bytes, isWhole: true }
    rest = bytes.length > LINE_BYTES_MAX ? Buffer.alloc(0) : bytes
  }
  if (rest.length > 0) yield { bytes: rest, isWhole: false }
}

class Chain {
  entries = 0
  readonly notes: string[] = []
  last: AuditHead | null = null
  /** The number of the one that was added last. */
  line = 0
  readonly #head: AuditHead | null
  #problem: AuditProblem | null = null
  /** The entry that should have stood where another one does. */
  #missed: number | null = null
  /** Lines that are no entries, the first by its number, of which the next entry may say that crashes left them. */
  #torn: { readonly line: number; bytes: number; readonly hash: Hash } | null = null

  constructor(head: AuditHead | null) {
    this.#head = head
  }

  add({ bytes, isWhole }: Line): ReadLine {
    this.line++
    const read = readLine(bytes.toString('utf8'))
    if (read.state === 'invalid') {
      this.#addTorn(bytes)
      if (!isWhole) this.#noteTorn()
      return read
    }
    const { entry } = read
    this.entries++
    this.#settleTorn(entry)
    if (read.state === 'changed') this.#report('LINE_CHANGED', this.line, 'was changed: its hash is another')
    this.#follow(entry)
    if (this.#head?.seq === entry.seq && this.#head.hash !== entry.hash)
      this.#report('LINE_CHANGED', this.line, 'is not what the head says of it')
    return read
  }

  /** What is wrong, once all lines are there. */
  end(): AuditProblem | null {
    if (this.#torn !== null) this.#report('LINE_INVALID', this.#torn.line, 'is no entry')
    if (this.#problem !== null) return this.#problem
    const { seq = 0 } = this.last ?? {}
    if (this.#head === null) {
      return this.last === null
        ? null
        : {
            code: 'HEAD_INVALID',
            line: null,
            message: 'audit.head is missing, or no head: a cut tail would not show',
          }
    }
    if (this.#head.seq <= seq) return null
    const missing = this.#head.seq - seq
    return {
      code: 'TAIL_MISSING',
      line: null,
      message: `The last ${missing === 1 ? 'line is' : `${missing} lines are`} missing: the head knows of entry ${this.#head.seq}, and the log ends with ${seq}`,
    }
  }

  #follow(entry: AuditEntry): void {
    if (this.#missed === entry.seq && this.#problem?.code === 'LINE_MISSING') {
      const { line, message } = this.#problem
      this.#problem = { code: 'LINE_REORDERED', line, message: `${message}; it stands in line ${this.line}` }
    }
    const isFirst = this.last === null
    const { seq, hash } = this.last ?? { seq: 0, hash: NO_HASH }
    this.last = { seq: entry.seq, hash: entry.hash }
    this.#noteGap(entry)
    if (isFirst && entry.gap?.restarted === true) return
    if (entry.seq === seq + 1 && entry.previous === hash) return
    if (this.#problem === null && entry.seq > seq + 1) this.#missed = seq + 1
    if (entry.seq > seq + 1)
      this.#report('LINE_MISSING', this.line, `is entry ${entry.seq}, where entry ${seq + 1} should be`)
    else if (entry.seq <= seq)
      this.#report('LINE_REORDERED', this.line, `is entry ${entry.seq}, behind entry ${seq}`)
    else this.#report('LINE_CHANGED', this.line - 1, 'was changed: the next one knows another hash of it')
  }

  #noteGap({ gap, seq }: AuditEntry): void {
    if (gap?.restarted === true) this.notes.push(`Goes on from a log that was put away, with entry ${seq}`)
    if (gap?.unwritten !== undefined)
      this.notes.push(`Before entry ${seq} ${gap.unwritten} actions could not be noted`)
  }

  #addTorn(bytes: Buffer): void {
    const torn = this.#torn ?? { line: this.line, bytes: 0, hash: createHash('sha256') }
    const added = this.#torn === null ? bytes : Buffer.concat([Buffer.from('\n'), bytes])
    torn.bytes += added.length
    torn.hash.update(added)
    this.#torn = torn
  }

  #settleTorn({ gap }: AuditEntry): void {
    if (this.#torn === null) return
    const { bytes, line, hash } = this.#torn
    this.#torn = null
    const isKnown = gap?.torn?.bytes === bytes && gap.torn.sha256 === hash.digest('hex')
    if (isKnown) this.notes.push(`Line ${line} was cut short by a crash, and counts for nothing`)
    else this.#report('LINE_INVALID', line, 'is no entry')
  }

  #noteTorn(): void {
    if (this.#torn === null || this.#torn.bytes > LINE_BYTES_MAX) return
    const { line } = this.#torn
    this.#torn = null
    this.notes.push(`Line ${line} was cut short, as by a crash, and counts for nothing`)
  }

  #report(code: AuditProblem['code'], line: number, what: string): void {
    this.#problem ??= { code, line, message: `Line ${line} ${what}` }
  }
}
