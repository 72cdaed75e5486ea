import stringWidth from 'fast-string-width'

/**
 * Control characters, and the invisible ones that reorder or hide what follows them. Descriptions and
 * file names come from metadata that anyone may have written; none of it may drive the terminal.
 */
export const DANGEROUS: RegExp =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** `text` on one line, with everything escaped that a terminal would obey instead of show. */
export function safeText(text: string): string {
  return text.toWellFormed().replaceAll(DANGEROUS, escapeCharacter)
}

/** The same for messages of several lines. */
export function safeLines(text: string): string {
  return text.split('\n').map(safeText).join('\n')
}

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0)
  const hex = code.toString(16)
  return (
    SHORT_ESCAPES[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`)
  )
}

/** Columns that `text` takes on a terminal. */
export function textWidth(text: string): number {
  return stringWidth(text)
}

/** `text` in at most `width` columns, with an ellipsis where it was cut; no character is cut in two. */
export function cutText(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of new Intl.Segmenter('en').segment(text)) {
    used += textWidth(segment)
    if (used > width - 1) break
    kept += segment
  }
  return width >= 1 ? `${kept}…` : ''
}

/** `text` in lines of at most `width` columns, broken between words; a word that is wider is cut. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`
    if (lines.length > 0 && textWidth(longer) <= width) lines[lines.length - 1] = longer
    else lines.push(cutText(word, width))
  }
  return lines
}

/** `text` filled up with spaces to `width` columns. */
export function padText(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)))
  return align === 'left' ? text + space : space + text
}
