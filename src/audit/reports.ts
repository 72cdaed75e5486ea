/** What is asked of the audit log, and what it answers. */
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

export interface AuditProblem {
  /**
   * `LINE_INVALID`: no entry at all; `LINE_CHANGED`: its hash is not its own; `LINE_MISSING`: one or more before it are
   * not there; `LINE_REORDERED`: it belongs elsewhere; `TAIL_MISSING`: lines at the end are not there;
   * `HEAD_INVALID`: the file with the newest hash cannot be read, or is missing.
   */
  readonly code:
    | 'LINE_INVALID'
    | 'LINE_CHANGED'
    | 'LINE_MISSING'
    | 'LINE_REORDERED'
    | 'TAIL_MISSING'
    | 'HEAD_INVALID'
  /** In the file, from 1; null when it is about no line. */
  readonly line: number | null
  readonly message: string
}

export interface AuditLogVerified {
  readonly success: true
  readonly status: 'intact' | 'damaged'
  readonly path: string
  readonly entries: number
  /** The first one and, of a cut tail or a wrong head, what the other file says. */
  readonly problems: readonly AuditProblem[]
  /** What is no damage: torn lines, actions that could not be written, a log that goes on from one that was put away. */
  readonly notes: readonly string[]
  /** The newest entry's; null for an empty log. Kept elsewhere, it proves later that nothing before it was changed. */
  readonly head: { readonly seq: number; readonly hash: string } | null
  readonly durationMs: number
}
