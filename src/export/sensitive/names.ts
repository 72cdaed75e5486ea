/** Judges a column by its name. */
import {
  FIRST_WORDS_OF_FACTS,
  LAST_WORDS_OF_FACTS,
  SECRETS_ALL_THE_SAME,
  SENSITIVE_WORDS,
  type SensitiveWord,
} from './words.ts'

export type Confidence = 'certain' | 'likely'

export interface NameFinding {
  /** The words that were hit, such as `api key`. */
  readonly word: string
  readonly confidence: Confidence
  /** Whether a whole number can be such a secret: a PIN can, a password cannot. */
  readonly isNumeric: boolean
  /** Whether it is one of the caller's own words. */
  readonly isOwn: boolean
}

/** No ordinary word holds these, so they count inside of a word too: `userpassword`, `passwordhash`. */
const ALWAYS = /passw(?:or)?d|passphrase|apikey|privatekey|secretkey|accesstoken|refreshtoken|authtoken/

const KNOWN = byFirstWord(SENSITIVE_WORDS)

/**
 * Looks for the words of the list, and for `extraWords` (each one word or several side by side), in a name.
 * The caller's own words hit whatever stands around them; those of the list do not where the name is that of
 * a fact about a secret, such as `password_changed_at`, `has_token` or `session_count`.
 *
 * @returns null when nothing speaks against the name.
 */
export function judgeName(column: string, extraWords: readonly string[]): NameFinding | null {
  const words = splitWords(column)
  for (const extra of extraWords) {
    const wanted = splitWords(extra)
    if (wanted.length > 0 && indexOfWords(words, wanted) >= 0)
      return { word: wanted.join(' '), confidence: 'certain', isNumeric: true, isOwn: true }
  }
  const hit = strongest(words)
  if (hit !== null) return isFact(words, hit) ? null : finding(hit)
  const compound = words.map(word => ALWAYS.exec(word)?.[0]).find(found => found !== undefined)
  return compound === undefined || isFact(words, null)
    ? null
    : { word: compound, confidence: 'certain', isNumeric: false, isOwn: false }
}

/** The words of a name in lower case and without accents: `userAPIKey2` is user, api, key, 2. */
export function splitWords(name: string): string[] {
  return (
    name
      .normalize('NFKD')
      .replaceAll(/\p{M}/gu, '')
      .replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
      .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
      .toLowerCase()
      // `pkcs12` and `cvv2` are words of the list; other numbers stand for themselves.
      .match(/pkcs12|(?:cvv|cvc)2|\p{L}+|\p{N}+/gu) ?? []
  )
}

function strongest(words: readonly string[]): SensitiveWord | null {
  let best: SensitiveWord | null = null
  for (const [index, word] of words.entries())
    for (const entry of KNOWN.get(word) ?? [])
      if (startsWithWords(words, entry.words.split(' '), index) && isBetter(entry, best)) best = entry
  return best
}

/** Of several words the surest counts, and of equally sure ones the longest. */
function isBetter(entry: SensitiveWord, best: SensitiveWord | null): boolean {
  if (best === null) return true
  if (entry.confidence !== best.confidence) return entry.confidence === 'certain'
  return entry.words.length > best.words.length
}

function isFact(words: readonly string[], hit: SensitiveWord | null): boolean {
  const first = words[0] ?? ''
  const last = words.at(-1) ?? ''
  if (FIRST_WORDS_OF_FACTS.has(first) && words.length > 1) return true
  if (hit !== null && SECRETS_ALL_THE_SAME.has(words.slice(-2).join(' '))) return false
  // The hit itself may end so: then it is no addition to it.
  return LAST_WORDS_OF_FACTS.has(last) && !(hit?.words.split(' ').at(-1) === last)
}

function finding({ words, confidence, isNumeric }: SensitiveWord): NameFinding {
  return { word: words, confidence, isNumeric: isNumeric === true, isOwn: false }
}

function indexOfWords(words: readonly string[], wanted: readonly string[]): number {
  return words.findIndex((_, index) => startsWithWords(words, wanted, index))
}

function startsWithWords(words: readonly string[], wanted: readonly string[], from: number): boolean {
  return wanted.every((word, index) => words[from + index] === word)
}

function byFirstWord(entries: readonly SensitiveWord[]): Map<string, SensitiveWord[]> {
  return Map.groupBy(entries, ({ words }) => words.split(' ')[0] ?? '')
}
