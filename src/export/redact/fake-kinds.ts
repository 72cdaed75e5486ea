/** Decides what made-up values of a column should look like. */
import { splitWords } from '../sensitive/names.ts'

export const FAKE_KINDS = [
  'email',
  'first name',
  'last name',
  'name',
  'username',
  'phone',
  'street',
  'city',
  'postcode',
  'country',
  'address',
  'company',
  'job',
  'url',
  'ip',
  'uuid',
  'date',
  'datetime',
  'password',
  'iban',
  'card',
  'sentence',
  'word',
] as const
export type FakeKind = (typeof FAKE_KINDS)[number]

/** By name, the first that matches the words in a row. */
const BY_NAME: readonly (readonly [RegExp, FakeKind])[] = [
  [/\be ?mails?\b|\bmail\b/, 'email'],
  [/\b(?:first|given|fore) ?name\b|\bvorname\b|\bfname\b/, 'first name'],
  [/\b(?:last|family|sur) ?name\b|\bsurname\b|\blname\b|\bnachname\b/, 'last name'],
  [/\buser ?name\b|\blogin\b|\bnick ?name\b|\bhandle\b|\bscreen name\b/, 'username'],
  [/\bphones?\b|\bmobile\b|\btelephone\b|\btel\b|\bfax\b|\bcell\b/, 'phone'],
  [/\bcompany\b|\borgani[sz]ation\b|\bemployer\b|\bfirm\b/, 'company'],
  [/\bstreet\b|\bstrasse\b|\baddress (?:line )?\d\b/, 'street'],
  [/\bcity\b|\btown\b/, 'city'],
  [/\bzip\b|\bpost ?code\b|\bpostal code\b|\bplz\b/, 'postcode'],
  [/\bcountry\b/, 'country'],
  [/\bip\b/, 'ip'],
  [/\burls?\b|\bwebsite\b|\bhomepage\b|\blink\b/, 'url'],
  [/\baddress\b|\baddr\b/, 'address'],
  [/\bjob\b|\boccupation\b|\bprofession\b/, 'job'],
  [/\biban\b/, 'iban'],
  [/\bcard\b|\bpan\b|\bcc num(?:ber)?\b/, 'card'],
  [/\bpass ?word\b|\bpasswd\b|\bpwd\b|\bsecret\b|\btoken\b/, 'password'],
  [/\bname\b|\bfull name\b|\bcustomer\b|\bauthor\b/, 'name'],
]

/** By content, where nearly all values look so. */
const BY_CONTENT: readonly (readonly [RegExp, FakeKind])[] = [
  [/^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'email'],
  [/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i, 'uuid'],
  [/^https?:\/\/\S+$/i, 'url'],
  [/^\d{4}-\d{2}-\d{2}$/, 'date'],
  [/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/, 'datetime'],
  [/^(?:\d{1,3}\.){3}\d{1,3}$/, 'ip'],
  [/^\+?[\d ()/-]{7,20}$/, 'phone'],
  [/\S\s+\S+\s+\S+\s+\S/, 'sentence'],
]
const SHARE_MIN = 0.8

/** Content that has one clear form goes before the name; without either it is a word. */
export function guessFakeKind(column: string, values: readonly unknown[]): FakeKind {
  const texts = values.filter(value => typeof value === 'string' && value !== '')
  const clear = BY_CONTENT.find(([pattern]) => {
    const hits = texts.filter(text => pattern.test(String(text).slice(0, 200))).length
    return texts.length > 0 && hits / texts.length >= SHARE_MIN
  })?.[1]
  const words = splitWords(column).join(' ')
  const named = BY_NAME.find(([pattern]) => pattern.test(words))?.[1]
  // Digits and blanks may be anything that the name says, and so may several words.
  if (clear !== undefined && clear !== 'phone' && clear !== 'sentence') return clear
  return named ?? clear ?? 'word'
}
