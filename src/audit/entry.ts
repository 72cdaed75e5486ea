/** What the audit log records: who did what, on what, with which result. */
import type { ErrorCode } from '../errors.ts'

export type Door = 'library' | 'cli' | 'scheduler' | 'http' | 'console'

/** On whose behalf something is done. */
export interface Actor {
  /** Through which door it came. */
  readonly door: Door
  /** A person, or the name of a token. Default: the user of the operating system. */
  readonly who?: string
}

/** What a door has done that is no operation on a database, such as making a token. */
export interface AuditEvent {
  /** Words joined by hyphens, such as `token-create`. */
  readonly action: string
  /** What it was done to: a file name, a path, a name; null when to nothing in particular. */
  readonly on?: string | null
  /** Whatever else tells what was asked for. Never a secret. */
  readonly parameters?: Readonly<Record<string, unknown>>
  /** Default: `success`. */
  readonly result?: 'success' | ErrorCode
  readonly durationMs?: number
}

/** Why the lines do not follow each other without a break. */
export interface AuditGap {
  /** So many actions before this one could not be written, for example because the disk was full. */
  readonly unwritten?: number
  /** What stands before this line was cut short by a crash, or by several, and counts for nothing. */
  readonly torn?: { readonly bytes: number; readonly sha256: string }
  /** The log file was not there: it was put away, or is lost. */
  readonly restarted?: true
}

/** One line of the log. */
export interface AuditEntry {
  /** From 1, without holes. */
  readonly seq: number
  /** When it ended; UTC, ISO 8601 with milliseconds. */
  readonly time: string
  readonly actor: { readonly door: Door; readonly who: string }
  readonly action: string
  /** Name of the database. */
  readonly database: string | null
  readonly on: string | null
  readonly parameters: Readonly<Record<string, unknown>>
  /** `success`, or the code of the failure. */
  readonly result: 'success' | ErrorCode
  readonly durationMs: number
  readonly gap?: AuditGap
  /**
   * Which start of the machine it was written in, as Linux names them: lines whose times contradict each other are of two, or
   * the clock was set. Missing elsewhere, and in lines from before there was one.
   */
  readonly boot?: string
  /** `hash` of the line before; 64 zeros in the first. */
  readonly previous: string
  /** SHA-256 of the line without it, in hex: see docs/formats.md. */
  readonly hash: string
}
