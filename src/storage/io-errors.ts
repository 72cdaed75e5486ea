import { BackupError, type BackupErrorDetails, type ErrorCode } from '../errors.ts'

/**
 * Linux error numbers that Node may report only as a number: it shows EDQUOT as
 * code `UNKNOWN`, errno -122.
 */
const CODE_OF_ERRNO: Record<number, string> = {
  [-28]: 'ENOSPC',
  [-122]: 'EDQUOT',
  [-30]: 'EROFS',
  [-5]: 'EIO',
}

interface Meaning {
  readonly code: ErrorCode
  readonly what: string
  readonly hint: string
}

const MEANINGS: Record<string, Meaning> = {
  ENOSPC: {
    code: 'INSUFFICIENT_SPACE',
    what: 'Insufficient disk space',
    hint: 'Free some space there, or choose another backup directory.',
  },
  EDQUOT: {
    code: 'INSUFFICIENT_SPACE',
    what: 'Insufficient disk space (quota reached)',
    hint: 'Free some space there, or ask for a larger quota.',
  },
  EFBIG: {
    code: 'INSUFFICIENT_SPACE',
    what: 'Insufficient disk space (file size limit reached)',
    hint: 'Raise the file size limit, or choose another file system.',
  },
  EACCES: {
    code: 'PERMISSION_DENIED',
    what: 'Permission denied',
    hint: 'Run as a user who may read and write there, or change its permissions.',
  },
  EPERM: {
    code: 'PERMISSION_DENIED',
    what: 'Operation not permitted',
    hint: 'Run as the owner of the file, and check whether it is marked immutable.',
  },
  EROFS: {
    code: 'READ_ONLY',
    what: 'Read-only file system',
    hint: 'Choose a backup directory on a file system that can be written.',
  },
  EMFILE: {
    code: 'IO_FAILED',
    what: 'Too many open files',
    hint: 'Raise the limit of open files (ulimit -n) and try again.',
  },
  ENFILE: {
    code: 'IO_FAILED',
    what: 'Too many open files on this machine',
    hint: 'Close some programs and try again.',
  },
  ENOMEM: {
    code: 'IO_FAILED',
    what: 'Out of memory',
    hint: 'Close some programs, or give this one more memory, and try again.',
  },
  EIO: {
    code: 'IO_FAILED',
    what: 'Input/output error',
    hint: 'Check the disk and the system log; the device may be failing.',
  },
}

/**
 * The typed error for a failed file system call; other errors, and typed ones, come back as they are. Of two
 * failures, of the work and then of closing its file, it is the first that counts.
 */
export function toTypedError(error: unknown, doing: string, path: string): unknown {
  if (error instanceof SuppressedError) return toTypedError(error.suppressed, doing, path)
  if (error instanceof BackupError || !isSystemError(error)) return error
  const code = CODE_OF_ERRNO[error.errno ?? 0] ?? error.code
  const meaning = MEANINGS[code]
  const details: BackupErrorDetails = { path, cause: error }
  if (meaning === undefined) {
    return new BackupError('IO_FAILED', `Could not ${doing}: ${path} (${code})`, {
      ...details,
      hint: 'Check that the path exists and is of the right kind.',
    })
  }
  return new BackupError(meaning.code, `${meaning.what}: could not ${doing}: ${path} (${code})`, {
    ...details,
    hint: meaning.hint,
  })
}

/** Runs `work`; a file system error inside it is thrown as a typed one that says what was being done to `path`. */
export async function during<T>(doing: string, path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toTypedError(error, doing, path)
  }
}

/** What `read` finds; null when the path, or a directory on the way to it, is not there. */
export async function unlessMissing<T>(path: string, read: () => Promise<T>): Promise<T | null> {
  return during('read', path, async () => {
    try {
      return await read()
    } catch (error) {
      if (isNotThere(error)) return null
      throw error
    }
  })
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'
}

/** Whether `error` says that the path, or a directory on the way to it, is not there. */
export function isNotThere(error: unknown): boolean {
  return isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

/** Whether `error` says that the path is a link that leads to nothing but itself, or that a directory on the way to it is. */
export function isLoop(error: unknown): boolean {
  return isSystemError(error) && error.code === 'ELOOP'
}

/** Whether `error` says that the name is taken. */
export function isAlreadyThere(error: unknown): boolean {
  return isSystemError(error) && error.code === 'EEXIST'
}
