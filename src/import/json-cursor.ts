import { Malformed, shown } from './malformed.ts'
import { fromBase64, RawText, type SqlValue, toInteger } from './values.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const REAL = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const INTEGER = /^-?(?:0|[1-9]\d*)$/

/**
 * Reads JSON text from front to back. `JSON.parse` would not do: it says nothing of the difference between 1
 * and 1.0, rounds large integers, keeps only the last of two equal keys, and moves keys such as "1" to the front.
 */
export class JsonCursor {
  #text = ''
  #at = 0

  start(text: string, from: number = 0): void {
    this.#text = text
    this.#at = from
  }

  get position(): number {
    return this.#at
  }

  /** Whether `prefix` comes next; goes behind it if so. */
  skipText(prefix: string): boolean {
    if (!this.#text.startsWith(prefix, this.#at)) return false
    this.#at += prefix.length
    return true
  }

  skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at++
    }
  }

  /** Whether the next character, space apart, is `character`; goes behind it if so. */
  skip(character: string): boolean {
    this.skipSpace()
    return this.skipText(character)
  }

  expect(character: string): void {
    if (!this.skip(character)) throw new Malformed(`expected ${character}, found ${this.#found()}`)
  }

  expectEnd(): void {
    this.skipSpace()
    if (this.#at < this.#text.length) throw new Malformed(`expected nothing more, found ${this.#found()}`)
  }

  string(): string {
    const text = this.#text
    if (text.charCodeAt(this.#at) !== QUOTE) throw new Malformed(`expected a string, found ${this.#found()}`)
    const start = this.#at + 1
    let end = text.indexOf('"', start)
    while (end !== -1 && isEscaped(text, end, start)) end = text.indexOf('"', end + 1)
    if (end === -1) throw new Malformed('a string has no end')
    this.#at = end + 1
    const plain = text.slice(start, end)
    return plain.includes('\\') ? unescape(text.slice(start - 1, end + 1)) : plain
  }

  /** A value of SQLite's, in the encoding of our exports. */
  value(): SqlValue {
    this.skipSpace()
    const code = this.#text.charCodeAt(this.#at)
    if (code === QUOTE) return this.string()
    if (code === OPEN) return this.#special()
    if (this.skipText('null')) return null
    return this.#number()
  }

  /** Goes behind an object, whatever is in it. */
  skipObject(): void {
    this.expect('{')
    for (let depth = 1; depth > 0;) {
      const code = this.#text.charCodeAt(this.#at)
      if (Number.isNaN(code)) throw new Malformed('an object has no end')
      if (code === QUOTE) this.string()
      else this.#at++
      if (code === OPEN) depth++
      else if (code === 0x7d) depth--
    }
  }

  #number(): SqlValue {
    const start = this.#at
    while (isOfNumber(this.#text.charCodeAt(this.#at))) this.#at++
    const token = this.#text.slice(start, this.#at)
    if (INTEGER.test(token)) {
      const value = toInteger(token)
      if (value === null) throw new Malformed(`${token} is beyond what SQLite holds`)
      return value
    }
    if (REAL.test(token)) return Number(token)
    throw new Malformed(`expected a value, found ${this.#found(start)}`)
  }

  #special(): SqlValue {
    this.#at++
    this.skipSpace()
    const key = this.string()
    this.expect(':')
    this.skipSpace()
    const text = this.string()
    this.expect('}')
    const value = specialValue(key, text)
    if (value === undefined) throw new Malformed(`${shown(text)} is no value of the kind ${shown(key)}`)
    return value
  }

  #found(at: number = this.#at): string {
    return at >= this.#text.length ? 'the end' : shown(this.#text.slice(at, at + 20))
  }
}

function specialValue(key: string, text: string): SqlValue | undefined {
  switch (key) {
    case '$integer':
      return INTEGER.test(text) ? (toInteger(text) ?? undefined) : undefined
    case '$real':
      return text === 'Infinity' ? Infinity : text === '-Infinity' ? -Infinity : undefined
    case '$blob':
      return fromBase64(text) ?? undefined
    case '$text': {
      const bytes = fromBase64(text)
      return bytes === null ? undefined : new RawText(bytes)
    }
    default:
      return undefined
  }
}

function isOfNumber(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x65 ||
    code === 0x45 ||
    code === 0x2b
  )
}

function isEscaped(text: string, at: number, start: number): boolean {
  let backslashes = 0
  while (at - backslashes > start && text.charCodeAt(at - backslashes - 1) === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}

function unescape(quoted: string): string {
  let text: string
  try {
    text = JSON.parse(quoted) as string
  } catch {
    throw new Malformed(`not a JSON string: ${shown(quoted)}`)
  }
  // SQLite would get a replacement character instead, without a word.
  if (!text.isWellFormed()) throw new Malformed(`half a surrogate pair in the string ${shown(quoted)}`)
  return text
}
