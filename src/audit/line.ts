/** One line of the audit log, made and read. Pure: what is hashed is said here and in docs/formats.md. */
import { createHash } from 'node:crypto'
import type { AuditEntry } from './entry.ts'

/** What stands for the hash of a line before the first. */
export const NO_HASH: string = '0'.repeat(64)

/** More than any line has: what is noted of an action is cut. */
export const LINE_BYTES_MAX: number = 1 << 20

/** Behind the last key stands the hash of all bytes before this. */
const HASH = /,"hash":"([0-9a-f]{64})"\}$/

/** The line of an entry, with its end; `previous` is in what is hashed, so that each line vouches for all before it. */
export function makeLine(entry: Omit<AuditEntry, 'hash'>): { readonly line: string; readonly hash: string } {
  const hashed = JSON.stringify(entry).slice(0, -1)
  const hash = sha256(hashed)
  return { line: `${hashed},"hash":"${hash}"}\n`, hash }
}

/** What a line holds, without its end. */
export type ReadLine =
  | { readonly state: 'entry'; readonly entry: AuditEntry }
  /** It has the form of an entry, and says another hash than its own. */
  | { readonly state: 'changed'; readonly entry: AuditEntry }
  | { readonly state: 'invalid' }

export function readLine(line: string): ReadLine {
  const match = HASH.exec(line)
  const entry = match === null ? null : parseEntry(line)
  if (match === null || entry === null) return { state: 'invalid' }
  const isOwn = sha256(line.slice(0, match.index)) === match[1]
  return { state: isOwn ? 'entry' : 'changed', entry }
}

function parseEntry(line: string): AuditEntry | null {
  let value: Partial<Record<keyof AuditEntry, unknown>>
  try {
    value = JSON.parse(line) as typeof value
  } catch {
    return null
  }
  const { seq, time, action, result, previous, actor } = value
  const isEntry =
    Number.isSafeInteger(seq) &&
    [time, action, result, previous].every(each => typeof each === 'string') &&
    typeof actor === 'object' &&
    actor !== null
  return isEntry ? (value as AuditEntry) : null
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** The newest entry, as a second file keeps it. */
export interface AuditHead {
  readonly seq: number
  readonly hash: string
}

/** Always as long, so that it is overwritten in one step. */
export function printHead({ seq, hash }: AuditHead): string {
  return `${String(seq).padStart(16, '0')} ${hash}\n`
}

/** Null for what is no head. */
export function parseHead(text: string): AuditHead | null {
  const match = /^(\d{16}) ([0-9a-f]{64})\n$/.exec(text)
  return match === null ? null : { seq: Number(match[1]), hash: match[2] as string }
}
