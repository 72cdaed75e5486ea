/** Judges a column by a sample of its values. */
import { isUtf8 } from 'node:buffer'
import { type Confidence, judgeName } from './names.ts'
import { isCardNumber, isIban, isSocialSecurityNumber } from './numbers.ts'
import { SECRET_SHAPES } from './shapes.ts'

export interface ValueFinding {
  /** What was seen, such as `bcrypt hashes`; never the value itself. */
  readonly what: string
  readonly confidence: Confidence
  /** How many of the looked-at values show it. */
  readonly hits: number
  readonly looked: number
}

/** Enough of a text to see what it is; a secret that only stands further behind is not looked for. */
const CHARACTERS_MAX = 16_384
/** A number passes Luhn by chance one time in ten: only a column where most do is one of card numbers. */
const SHARE_OF_NUMBERS_MIN = 0.6

const JSON_KEY = /"((?:[^"\\]|\\.){1,64})"\s*:\s*(?:"[^"]|\d)/g
const ASSIGNMENT = /(?:^|[\s;&?,{])([A-Za-z][\w.-]{1,48})=[^\s&;=]{3,}/g
const CARD_IN_TEXT = /(?<![\d-])\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?![\d-])/g

/**
 * Looks for secrets in `values` of one column: NULL and reals are none, a BLOB of UTF-8 is read as text.
 * One value that has the shape of a secret is enough; numbers that could be others (cards, social security)
 * must be most of the sample. E-mail addresses and telephone numbers are no secrets.
 */
export function judgeValues(values: readonly unknown[]): ValueFinding | null {
  const texts = values.map(textOf).filter((text): text is string => text !== null && text !== '')
  if (texts.length === 0) return null
  return bySecretShape(texts) ?? byNumbers(texts) ?? byKeysInText(texts)
}

/** What a value says as text; null where it says nothing. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value.slice(0, CHARACTERS_MAX)
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : null
  return value instanceof Uint8Array ? textOfBytes(value) : null
}

function textOfBytes(bytes: Uint8Array): string | null {
  // The sample may be cut within a character, and bytes before a NUL may be text by chance.
  for (let cut = 0; cut <= 3 && cut < bytes.length; cut++) {
    const part = bytes.subarray(0, bytes.length - cut)
    if (isUtf8(part)) return new TextDecoder().decode(part).slice(0, CHARACTERS_MAX)
  }
  return null
}

function bySecretShape(texts: readonly string[]): ValueFinding | null {
  for (const { name, pattern } of SECRET_SHAPES) {
    const hits = texts.filter(text => pattern.test(text)).length
    if (hits > 0) return { what: name, hits, looked: texts.length, confidence: sure(hits, texts.length) }
  }
  return null
}

function byNumbers(texts: readonly string[]): ValueFinding | null {
  const looked = texts.length
  const ibans = texts.filter(isIban).length
  if (ibans > 0)
    return { what: 'IBANs with valid check digits', hits: ibans, looked, confidence: sure(ibans, looked) }
  const cards = texts.filter(isCardNumber).length
  if (cards / looked >= SHARE_OF_NUMBERS_MIN)
    return {
      what: 'card numbers that pass Luhn',
      hits: cards,
      looked,
      confidence: cards >= 3 ? 'certain' : 'likely',
    }
  const ssns = texts.filter(isSocialSecurityNumber).length
  if (ssns / looked >= SHARE_OF_NUMBERS_MIN)
    return { what: 'social security numbers', hits: ssns, looked, confidence: 'likely' }
  const within = texts.filter(text => text.match(CARD_IN_TEXT)?.some(isCardNumber)).length
  return within > 0 ? { what: 'card numbers within text', hits: within, looked, confidence: 'likely' } : null
}

/** Secrets that are named inside of a cell: `{"password": "…"}` in JSON, `?token=…` in an address, `PASSWORD=…` in settings. */
function byKeysInText(texts: readonly string[]): ValueFinding | null {
  let hits = 0
  let found: string | null = null
  for (const text of texts) {
    const key = sensitiveKeyIn(text)
    if (key === null) continue
    hits++
    found ??= key
  }
  if (found === null) return null
  return { what: `a key that means "${found}"`, hits, looked: texts.length, confidence: 'likely' }
}

function sensitiveKeyIn(text: string): string | null {
  const pattern = /^\s*[[{]/.test(text) ? JSON_KEY : ASSIGNMENT
  for (const [, key = ''] of text.matchAll(pattern)) {
    const finding = judgeName(key, [])
    if (finding?.confidence === 'certain') return finding.word
  }
  return null
}

function sure(hits: number, looked: number): Confidence {
  return hits * 2 >= looked ? 'certain' : 'likely'
}
