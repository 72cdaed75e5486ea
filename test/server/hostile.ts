/** What nobody sends who means well: for every place of a request that can hold something. */
import fc from 'fast-check'

/** Names that are paths, or that programs take for something else. */
export const HOSTILE_NAMES: readonly string[] = [
  '../../../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '%252e%252e%252fsecret.txt',
  '....//....//etc/passwd',
  '/etc/passwd',
  '//etc/passwd',
  'file:///etc/passwd',
  'file:x?mode=rwc',
  '..\\..\\windows\\win.ini',
  'a\0.db',
  'a\nb.db',
  'x.db/../../secret.txt',
  '.',
  '..',
  '~root',
  '$(id)',
  '`id`',
  '%00',
  '%s%n',
  'con.db',
  'secret.txt',
  'server/access.json',
  'access.json',
  '＿．db',
  '\u{202e}bd.pohs',
  'x'.repeat(4096),
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'latest ',
  '*',
]

/** Text that is a statement, a page, a line of a log, or no text at all. */
export const HOSTILE_TEXTS: readonly string[] = [
  '',
  ' ',
  "' OR 1=1 --",
  '"; DROP TABLE users; --',
  '<img src=x onerror=alert(1)>',
  '${jndi:ldap://127.0.0.1/a}',
  'a\r\nSet-Cookie: a=b',
  '\u{feff}',
  '\u{d800}',
  '💥'.repeat(50),
  '{"level":"error"}',
]

/** Numbers as text, where a number or an instant is asked for. */
export const HOSTILE_NUMBERS: readonly string[] = [
  '-1',
  '0',
  '1e9',
  '0x10',
  '1.5',
  'NaN',
  'Infinity',
  '9007199254740993',
  '1'.repeat(400),
  '2026-13-99T99:99:99Z',
  '+275760-09-13T00:00:00.001Z',
  '0000-00-00T00:00:00Z',
]

/** What JSON can hold besides text of a reasonable length. */
export const HOSTILE_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  -0,
  1.5,
  1e308,
  9007199254740993n,
  '\u{1f4a5}<&"'.repeat(50_000),
  [],
  [[]],
  [null],
  {},
  JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
]

/** Keys that are looked up where nobody has put them. */
export const HOSTILE_KEYS: readonly string[] = [
  '__proto__',
  'constructor',
  'toString',
  'x/../..',
  '',
  'y'.repeat(300),
]

/** So many strings of any characters, always the same ones for a seed. */
export function anyStrings(seed: number, count: number): readonly string[] {
  return fc.sample(fc.string({ minLength: 1, maxLength: 60, unit: 'binary' }), { numRuns: count, seed })
}

/** As JSON, with integers as long as they are. */
export function printJson(value: unknown): string {
  // JSON.rawJSON would be shorter; types do not know it yet.
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'bigint' ? `big:${each}` : each,
  ).replaceAll(/"big:(\d+)"/g, '$1')
}

/** Ways to write a name into a path: each is decoded by somebody. */
export function inPath(name: string): readonly string[] {
  const encoded = encodeURIComponent(name.toWellFormed())
  const raw = name.toWellFormed().replaceAll(/[^\x21-\x7e]|[?#]/gu, each => encodeURIComponent(each))
  return [...new Set([encoded, raw, encodeURIComponent(encoded)])]
}

/** Percent signs that encode nothing. */
export const HOSTILE_ENCODINGS: readonly string[] = ['%', '%zz', '%ff', '%c0%ae%c0%ae', '%u002e', '%e0%80%af']
