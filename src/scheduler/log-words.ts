import { styleText } from 'node:util'
import { DANGEROUS } from '../cli/text.ts'

/** Which the reader knows already, or which stand at the line's beginning. */
const NOT_SHOWN: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'msg'])
const COLOURS = {
  trace: 'dim',
  debug: 'dim',
  info: 'green',
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
} as const
/** One line of the log in words, for people: `2026-11-25 02:00:01 INFO  Backup created job=daily`. */
export function printLogLine(entry: Readonly<Record<string, unknown>>, stream: NodeJS.WriteStream): string {
  const level = textIn(entry, 'level')
  const colour = Object.hasOwn(COLOURS, level) ? COLOURS[level as keyof typeof COLOURS] : 'dim'
  const fields = Object.entries(entry)
    .filter(([name, value]) => !NOT_SHOWN.has(name) && value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${wordOf(value)}`)
  return [
    styleText('dim', `${safe(textIn(entry, 'time').slice(0, 19).replace('T', ' '))}Z`, { stream }),
    styleText(colour, safe(level.toUpperCase().padEnd(5)), { stream }),
    safe(textIn(entry, 'msg')),
    ...(fields.length === 0 ? [] : [styleText('dim', safe(fields.join(' ')), { stream })]),
  ].join(' ')
}

/** A field of an event may have a name of the line's own, and hold anything. */
function textIn(entry: Readonly<Record<string, unknown>>, name: string): string {
  const value = entry[name]
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value)
}

function wordOf(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'message' in value) return JSON.stringify(value.message)
  if (typeof value === 'string' && /^[\w./:@+-]+$/.test(value)) return value
  return JSON.stringify(value)
}

function safe(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(
      DANGEROUS,
      character => `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, '0')}`,
    )
}
