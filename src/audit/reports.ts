/** What is asked of the audit log, and what it answers. */
import type { Failure } from '../errors.ts'
import type { AuditEntry } from './entry.ts'

export interface AuditLogRequest {
  /** The newest ones, 1 to 1,000; default 50. */
  readonly limit?: number
  /** Only entries with a lower `seq`: the lowest of an answer gives the next page. */
  readonly before?: number
}

export interface AuditLogRead {
  readonly success: true
  /** Absolute path of the log. */
  readonly path: string
  /** Newest first; lines that are no entries are left out, `verifyAuditLog` names them. */
  readonly entries: readonly AuditEntry[]
  /** Whether there are older ones. */
  readonly hasMore: boolean
}

export interface VerifyAuditLogRequest {
  /** Targets whose anchors the log is compared with, by their names, or all that the configuration has. Default: none. */
  readonly targets?: readonly string[] | 'all'
}

export interface AuditProblem {
  /**
   * `LINE_INVALID`: no entry at all; `LINE_CHANGED`: its hash is not its own; `LINE_MISSING`: one or more before it are
   * not there; `LINE_REORDERED`: it belongs elsewhere; `TAIL_MISSING`: lines at the end are not there;
   * `HEAD_INVALID`: the file with the newest hash cannot be read, or is missing. Only where it was compared with anchors:
   * `LOG_REWRITTEN`: a line is another one than it was; `LOG_REPLACED`: the whole log is another one.
   */
  readonly code:
    | 'LINE_INVALID'
    | 'LINE_CHANGED'
    | 'LINE_MISSING'
    | 'LINE_REORDERED'
    | 'TAIL_MISSING'
    | 'HEAD_INVALID'
    | 'LOG_REWRITTEN'
    | 'LOG_REPLACED'
  /** In the file, from 1; null when it is about no line. */
  readonly line: number | null
  readonly message: string
  /** The target that knows better, where the log itself does not show it. */
  readonly target?: string
}

/** What a target knows of the log. */
export interface TargetAnchors {
  readonly target: string
  /**
   * `agrees`, or `contradicts`: see `problems`. `none`: it has no anchor that the log could be compared with, so that it
   * vouches for nothing. `failed`: it could not be asked.
   */
  readonly status: 'agrees' | 'contradicts' | 'none' | 'failed'
  /** How many anchors are of lines that are there. */
  readonly agreeing: number
  /** How many are of lines that were put away with an older file of the log. */
  readonly earlier: number
  /** How many are of the logs of other backup directories. */
  readonly others: number
  /** The newest one that agrees: no line up to this one was changed since. */
  readonly newest: { readonly seq: number; readonly hash: string; readonly time: string } | null
  /** Why it could not be asked; null unless it failed. */
  readonly failure: Failure | null
}

export interface AuditLogVerified {
  readonly success: true
  /** `incomplete`: nothing is wrong with what could be compared, but a target that was asked for vouches for nothing. */
  readonly status: 'intact' | 'damaged' | 'incomplete'
  readonly path: string
  readonly entries: number
  /** The first one; of a cut tail or a wrong head, what the other file says; and the first that each target contradicts. */
  readonly problems: readonly AuditProblem[]
  /** What is no damage: torn lines, actions that could not be written, a log that goes on from one that was put away. */
  readonly notes: readonly string[]
  /** The newest entry's; null for an empty log. Kept elsewhere, it proves later that nothing before it was changed. */
  readonly head: { readonly seq: number; readonly hash: string } | null
  /** Of each target that was asked for. */
  readonly anchors: readonly TargetAnchors[]
  readonly durationMs: number
}
