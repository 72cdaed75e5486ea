/** Following the chain of the audit log from its first line to its last. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { unlessMissing } from '../storage/io-errors.ts'
import type { AuditEntry } from './entry.ts'
import { type AuditHead, LINE_BYTES_MAX, NO_HASH, readLine, sha256 } from './line.ts'
import { logPath, readHead } from './log-file.ts'
import type { AuditLogVerified, AuditProblem } from './reports.ts'

/**
 * Names the first line that was changed, removed or put elsewhere. Reads the file once, line by line, without its lock:
 * what is added meanwhile is looked at too.
 */
export async function verifyLog(backupDir: string): Promise<AuditLogVerified> {
  const started = performance.now()
  const path = logPath(backupDir)
  // Before the log: a line that is added meanwhile must not look like one that is missing.
  const head = await readHead(backupDir)
  const chain = new Chain(head)
  const isThere = (await unlessMissing(path, () => stat(path))) !== null
  if (isThere) for await (const line of linesOf(path)) chain.add(line)
  const problem = chain.end()
  return {
    success: true,
    status: problem === null ? 'intact' : 'damaged',
    path,
    entries: chain.entries,
    problems: problem === null ? [] : [problem],
    notes: chain.notes,
    head: chain.last,
    durationMs: Math.round(performance.now() - started),
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
  readonly #head: AuditHead | null
  #line = 0
  #problem: AuditProblem | null = null
  /** The entry that should have stood where another one does. */
  #missed: number | null = null
  /** A line that is no entry, of which the next may say that a crash left it. */
  #torn: { readonly line: number; readonly bytes: Buffer } | null = null

  constructor(head: AuditHead | null) {
    this.#head = head
  }

  add({ bytes, isWhole }: Line): void {
    this.#line++
    const read = readLine(bytes.toString('utf8'))
    if (read.state === 'invalid') {
      if (this.#torn !== null) this.#report('LINE_INVALID', this.#torn.line, 'is no entry')
      this.#torn = { line: this.#line, bytes }
      if (!isWhole) this.#noteTorn()
      return
    }
    const { entry } = read
    this.entries++
    this.#settleTorn(entry)
    if (read.state === 'changed') this.#report('LINE_CHANGED', this.#line, 'was changed: its hash is another')
    this.#follow(entry)
    if (this.#head?.seq === entry.seq && this.#head.hash !== entry.hash)
      this.#report('LINE_CHANGED', this.#line, 'is not what the head says of it')
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
      this.#problem = { code: 'LINE_REORDERED', line, message: `${message}; it stands in line ${this.#line}` }
    }
    const isFirst = this.last === null
    const { seq, hash } = this.last ?? { seq: 0, hash: NO_HASH }
    this.last = { seq: entry.seq, hash: entry.hash }
    this.#noteGap(entry)
    if (isFirst && entry.gap?.restarted === true) return
    if (entry.seq === seq + 1 && entry.previous === hash) return
    if (this.#problem === null && entry.seq > seq + 1) this.#missed = seq + 1
    if (entry.seq > seq + 1)
      this.#report('LINE_MISSING', this.#line, `is entry ${entry.seq}, where entry ${seq + 1} should be`)
    else if (entry.seq <= seq)
      this.#report('LINE_REORDERED', this.#line, `is entry ${entry.seq}, behind entry ${seq}`)
    else this.#report('LINE_CHANGED', this.#line - 1, 'was changed: the next one knows another hash of it')
  }

  #noteGap({ gap, seq }: AuditEntry): void {
    if (gap?.restarted === true) this.notes.push(`Goes on from a log that was put away, with entry ${seq}`)
    if (gap?.unwritten !== undefined)
      this.notes.push(`Before entry ${seq} ${gap.unwritten} actions could not be noted`)
  }

  #settleTorn({ gap }: AuditEntry): void {
    if (this.#torn === null) return
    const { bytes, line } = this.#torn
    this.#torn = null
    const isKnown = gap?.torn?.bytes === bytes.length && gap.torn.sha256 === sha256(bytes)
    if (isKnown) this.notes.push(`Line ${line} was cut short by a crash, and counts for nothing`)
    else this.#report('LINE_INVALID', line, 'is no entry')
  }

  #noteTorn(): void {
    this.#torn = null
    this.notes.push(`Line ${this.#line} was cut short, as by a crash, and counts for nothing`)
  }

  #report(code: AuditProblem['code'], line: number, what: string): void {
    this.#problem ??= { code, line, message: `Line ${line} ${what}` }
  }
}
