import { Malformed } from './malformed.ts'
import { LineCutter, PieceBuffer } from './pieces.ts'

/** What a stream of SQL consists of. */
export interface SqlEvents {
  /** A whole statement with its semicolon. `line` is where it begins. */
  statement(bytes: Buffer, line: number): void
  /** A line between statements that is a comment, without its dashes. */
  comment(bytes: Buffer, line: number): void
}

/** Between tokens, or inside one that may go on over several lines. */
type Inside = 'nothing' | 'single' | 'double' | 'backtick' | 'bracket' | 'block'
type Token = 'semi' | 'other' | 'explain' | 'create' | 'temp' | 'trigger' | 'end'
type State = 'start' | 'normal' | 'explain' | 'create' | 'trigger' | 'semi' | 'end'

/**
 * Which state follows on which token, so that the semicolons within a trigger end nothing. Space changes nothing.
 * Source: sqlite3_complete() in SQLite's complete.c.
 */
const NEXT: Readonly<Record<State, Readonly<Partial<Record<Token, State>> & { other: State }>>> = {
  start: { semi: 'start', other: 'normal', explain: 'explain', create: 'create' },
  normal: { semi: 'start', other: 'normal' },
  explain: { semi: 'start', other: 'normal', create: 'create' },
  create: { semi: 'start', other: 'normal', temp: 'create', trigger: 'trigger' },
  trigger: { semi: 'semi', other: 'trigger' },
  semi: { semi: 'semi', other: 'trigger', end: 'end' },
  end: { semi: 'start', other: 'trigger' },
}
const WORDS: Readonly<Record<string, Token>> = {
  EXPLAIN: 'explain',
  CREATE: 'create',
  TEMP: 'temp',
  TEMPORARY: 'temp',
  TRIGGER: 'trigger',
  END: 'end',
}
const OPENERS: Readonly<Record<number, Inside>> = {
  0x27: 'single',
  0x22: 'double',
  0x60: 'backtick',
  0x5b: 'bracket',
}
const CLOSER_OF: Readonly<Record<Inside, number>> = {
  nothing: 0,
  single: 0x27,
  double: 0x22,
  backtick: 0x60,
  bracket: 0x5d,
  block: 0x2a,
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])
const LONGEST_WORD = 'TEMPORARY'.length

const DASH = 0x2d
const DOT = 0x2e
const SLASH = 0x2f
const STAR = 0x2a
const SEMICOLON = 0x3b

/** Cuts a stream of SQL into statements, as SQLite's shell does. Holds one statement. */
export class StatementCutter {
  readonly #events: SqlEvents
  readonly #lines: LineCutter
  readonly #piece = new PieceBuffer()
  #inside: Inside = 'nothing'
  #state: State = 'start'
  /** Whether the token before ended a statement, and whether that had no other token. */
  #isComplete = false
  #isEmpty = true
  #line = 0
  #startLine = 1

  constructor(events: SqlEvents) {
    this.#events = events
    this.#lines = new LineCutter(line => this.#read(this.#line === 0 ? unmarked(line) : line))
  }

  get line(): number {
    return Math.max(1, this.#line)
  }

  write(chunk: Buffer): void {
    this.#lines.write(chunk)
  }

  end(): void {
    this.#lines.end()
    if (this.#state !== 'start' || this.#inside !== 'nothing') {
      throw new Malformed('a statement has no end: the file was cut off', `line ${this.#startLine}`)
    }
  }

  #read(line: Buffer): void {
    this.#line++
    const isBetween = this.#state === 'start' && this.#inside === 'nothing'
    if (isBetween && line[0] === DOT) {
      throw new Malformed("a command of SQLite's shell is no SQL", `line ${this.#line}`)
    }
    if (isBetween && line[0] === DASH && line[1] === DASH) {
      this.#events.comment(line.subarray(2), this.#line)
      return
    }
    let start = 0
    let at = 0
    while (at < line.length) {
      at = this.#inside === 'nothing' ? this.#token(line, at) : this.#goOn(line, at)
      if (!this.#isComplete) continue
      this.#isComplete = false
      const statement = this.#piece.take(line.subarray(start, at))
      if (!this.#isEmpty) this.#events.statement(statement, this.#startLine)
      start = at
    }
    // What was a comment between statements belongs to none: its beginning alone would hide the next one.
    if (this.#state === 'start' && this.#inside === 'nothing') return this.#piece.clear()
    // The line feed belongs to the statement: it may be inside a string.
    this.#piece.add(line.subarray(start))
    this.#piece.add(Buffer.from('\n'))
  }

  #step(token: Token): void {
    if (this.#state === 'start') this.#startLine = this.#line
    const next = NEXT[this.#state]
    this.#isEmpty = this.#state === 'start'
    this.#state = next[token] ?? next.other
    this.#isComplete = token === 'semi' && this.#state === 'start'
  }

  /** Takes the token at `at`; returns the position behind it, or behind its opening. */
  #token(line: Buffer, at: number): number {
    const byte = line[at] ?? 0
    const opened = OPENERS[byte]
    if (opened !== undefined) {
      this.#step('other')
      this.#inside = opened
      return at + 1
    }
    if (byte === SEMICOLON) {
      this.#step('semi')
      return at + 1
    }
    if (byte === DASH && line[at + 1] === DASH) return line.length
    if (byte === SLASH && line[at + 1] === STAR) {
      this.#inside = 'block'
      return at + 2
    }
    if (isSpace(byte)) return at + 1
    if (!isOfWord(byte)) {
      this.#step('other')
      return at + 1
    }
    let end = at + 1
    while (end < line.length && isOfWord(line[end] ?? 0)) end++
    // Within most statements no word matters, and most of a file is within them.
    const word =
      this.#state !== 'normal' && end - at <= LONGEST_WORD
        ? line.toString('latin1', at, end).toUpperCase()
        : ''
    this.#step(Object.hasOwn(WORDS, word) ? (WORDS[word] ?? 'other') : 'other')
    return end
  }

  /** Looks for the end of what the position is inside of; a doubled quote opens again at once, which is the same. */
  #goOn(line: Buffer, at: number): number {
    const end = line.indexOf(this.#inside === 'block' ? '*/' : CLOSER_OF[this.#inside], at)
    if (end === -1) return line.length
    const width = this.#inside === 'block' ? 2 : 1
    this.#inside = 'nothing'
    return end + width
  }
}

/** Without the byte order mark in front. */
function unmarked(line: Buffer): Buffer {
  return line.subarray(0, 3).equals(BYTE_ORDER_MARK) ? line.subarray(3) : line
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}

function isOfWord(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x5f ||
    byte === 0x24 ||
    byte >= 0x80
  )
}
