/** Putting texts of others (error messages, names) into messages. */

/** Control characters, and the invisible ones that reorder or hide what follows them; line breaks are left. */
const DANGEROUS =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** `text` without what a terminal or a chat would obey instead of show, in at most `limit` UTF-16 units. */
export function plainText(text: string, limit: number): string {
  return cut(text.toWellFormed().replaceAll(DANGEROUS, ' ').trim(), limit)
}

/** The same on one line. */
export function oneLine(text: string, limit: number): string {
  return cut(text.toWellFormed().replaceAll('\n', ' ').replaceAll(DANGEROUS, ' ').trim(), limit)
}

/** `text` in at most `limit` UTF-16 units, with an ellipsis where it was cut; no character is cut in two. */
export function cut(text: string, limit: number): string {
  return cutBy(text, limit, kept => kept.length)
}

/** The same where `measure` says what counts: bytes, or the length once it is escaped. It grows with the text. */
export function cutBy(text: string, limit: number, measure: (text: string) => number): string {
  if (measure(text) <= limit) return text
  let [fits, tooLong] = [0, text.length]
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2)
    if (measure(shortened(text, middle)) <= limit) fits = middle
    else tooLong = middle
  }
  return shortened(text, fits)
}

function shortened(text: string, length: number): string {
  const kept = text.slice(0, length)
  const isTorn = /[\ud800-\udbff]$/.test(kept)
  return `${isTorn ? kept.slice(0, -1) : kept}…`
}

export function utf8Length(text: string): number {
  return Buffer.byteLength(text)
}
