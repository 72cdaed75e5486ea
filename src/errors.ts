/**
 * Every way an operation can fail that was foreseen, and what each edge needs to know of it: `exit`, the
 * CLI's exit code; `http`, the status of a response that carries it; `retryable`, whether the same call may
 * succeed later without anyone changing anything. Codes are never renamed or reused.
 *
 * Exit codes follow restic's meanings, so that scripts keep theirs: 1 failed, 2 usage,
 * 3 finished with bad news, 10 not found, 11 locked, 12 wrong key, 130 cancelled.
 */
export const ERRORS = {
  DATABASE_NOT_FOUND: { exit: 10, http: 404, retryable: false },
  DATABASE_INVALID: { exit: 1, http: 422, retryable: false },
  DATABASE_LOCKED: { exit: 11, http: 409, retryable: true },
  DATABASE_CHANGING: { exit: 11, http: 409, retryable: true },
  DATABASE_DAMAGED: { exit: 3, http: 422, retryable: false },
  BACKUP_NOT_FOUND: { exit: 10, http: 404, retryable: false },
  BACKUP_DAMAGED: { exit: 3, http: 422, retryable: false },
  BACKUP_UNSUPPORTED: { exit: 1, http: 422, retryable: false },
  BACKUP_UNTRUSTED: { exit: 3, http: 422, retryable: false },
  METADATA_INVALID: { exit: 3, http: 422, retryable: false },
  BACKUP_PROTECTED: { exit: 1, http: 409, retryable: false },
  DELETE_NOT_CONFIRMED: { exit: 2, http: 400, retryable: false },
  CATALOG_LOCKED: { exit: 11, http: 409, retryable: true },
  RESTORE_NOT_CONFIRMED: { exit: 2, http: 400, retryable: false },
  RESTORE_FAILED: { exit: 1, http: 500, retryable: false },
  RESTORE_ROLLED_BACK: { exit: 1, http: 500, retryable: false },
  EXPORT_NOT_FOUND: { exit: 10, http: 404, retryable: false },
  EXPORT_INVALID: { exit: 3, http: 422, retryable: false },
  INSUFFICIENT_SPACE: { exit: 1, http: 507, retryable: true },
  PERMISSION_DENIED: { exit: 1, http: 403, retryable: false },
  READ_ONLY: { exit: 1, http: 403, retryable: false },
  IO_FAILED: { exit: 1, http: 500, retryable: true },
  TARGET_INVALID: { exit: 2, http: 422, retryable: false },
  INVALID_ARGUMENT: { exit: 2, http: 400, retryable: false },
  CONFIG_INVALID: { exit: 2, http: 500, retryable: false },
  OBJECT_NOT_FOUND: { exit: 10, http: 404, retryable: false },
  TARGET_UNREACHABLE: { exit: 1, http: 502, retryable: true },
  TARGET_REFUSED: { exit: 1, http: 502, retryable: false },
  TARGET_FULL: { exit: 1, http: 507, retryable: true },
  OBJECT_LOCKED: { exit: 3, http: 409, retryable: false },
  OBJECT_DAMAGED: { exit: 3, http: 422, retryable: false },
  KEY_REQUIRED: { exit: 12, http: 422, retryable: false },
  KEY_WRONG: { exit: 12, http: 422, retryable: false },
  NOTIFICATION_FAILED: { exit: 3, http: 502, retryable: true },
  CLEANUP_REFUSED: { exit: 3, http: 409, retryable: false },
  JOB_TIMED_OUT: { exit: 1, http: 504, retryable: true },
  SCHEDULER_LOCKED: { exit: 11, http: 409, retryable: true },
  QUERY_TIMED_OUT: { exit: 1, http: 504, retryable: false },
  STALLED: { exit: 1, http: 504, retryable: true },
  ENGINE_FAILED: { exit: 1, http: 500, retryable: true },
  CANCELLED: { exit: 130, http: 499, retryable: false },
  UNEXPECTED: { exit: 1, http: 500, retryable: false },
} as const

export type ErrorCode = keyof typeof ERRORS

/** What a failed call returns. `message` names what happened and to which path, `hint` what to do next. */
export interface Failure {
  readonly success: false
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
}

export interface BackupErrorDetails {
  /** What the user can do next, as one or two sentences. */
  readonly hint?: string
  /** The file or directory that it happened to; named in the message already. */
  readonly path?: string
  readonly cause?: unknown
}

/** A foreseen failure. Inside it is thrown; the public API returns it as a {@link Failure}. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly path: string | undefined

  constructor(code: ErrorCode, message: string, details: BackupErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.hint = details.hint
    this.path = details.path
  }
}

/** The {@link Failure} that says what `error` says; an unforeseen error becomes `UNEXPECTED`. */
export function toFailure(error: unknown): Failure {
  // Of two failures, of the work and then of what `using` closes after it, the first is the reason.
  if (error instanceof SuppressedError) return toFailure(error.suppressed)
  const known = error instanceof BackupError ? error : unexpected(error)
  const failure: Failure = {
    success: false,
    code: known.code,
    message: known.message,
    ...(known.hint === undefined ? {} : { hint: known.hint }),
  }
  // For whoever debugs; not enumerable, so that it is in no JSON.
  return Object.defineProperty(failure, 'cause', { value: known.cause, enumerable: false })
}

/** The error that `failure` was made of, on the other side of a process or thread boundary. */
export function fromFailure(failure: Failure): BackupError {
  return new BackupError(
    failure.code,
    failure.message,
    failure.hint === undefined ? {} : { hint: failure.hint },
  )
}

function unexpected(error: unknown): BackupError {
  const text = error instanceof Error ? error.message : String(error)
  return new BackupError('UNEXPECTED', `Unexpected error: ${text}`, {
    hint: 'This is a bug in chame-backup. Please report it with the command or call that led here.',
    cause: error,
  })
}

/** Throws `CANCELLED` once `signal` is aborted. */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled()
}

export function cancelled(): BackupError {
  return new BackupError('CANCELLED', 'Cancelled', {
    hint: 'Nothing was left behind. Run it again when you are ready.',
  })
}
