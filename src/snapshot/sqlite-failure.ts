import { accessSync, closeSync, constants, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { BackupError } from '../errors.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import { toTypedError } from '../storage/io-errors.ts'
import { writeFully } from '../storage/transfer.ts'

/** SQLite's result codes that have a meaning of their own here. Source: sqlite.org/rescode.html. */
export const SQLITE = {
  ERROR: 1,
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  NOMEM: 7,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  TOOBIG: 18,
  AUTH: 23,
  NOTADB: 26,
  IOERR_SHORT_READ: 522,
  READONLY_ROLLBACK: 776,
  IOERR_SHMSIZE: 4874,
} as const

/** SQLite's codes for a disk that did not take what it was given: `IOERR_WRITE`, `_FSYNC`, `_TRUNCATE`, `_SHMOPEN`, `_SHMMAP`. */
const WRITING_FAILED: readonly (number | null)[] = [778, 1034, 1546, 4618, 5386]

/** The typed error for what SQLite said of `database`, or of the other file that it names; other errors come back as they are. */
export function fromSqlite(error: unknown, database: string): unknown {
  if (!(error instanceof SqliteError)) return error
  const path = error.path ?? database
  // It was no call of SQLite's, but one of our own beside it.
  if (error.system !== undefined) return toTypedError(Object.assign(error, error.system), 'read', path)
  const details = { path, cause: error }
  if (error.resultCode === SQLITE.READONLY_ROLLBACK) {
    return new BackupError(
      'DATABASE_LOCKED',
      `A killed program left a journal that must be rolled back first: ${path}`,
      {
        ...details,
        hint: 'Let its application open it once. A backup can be made as it is: it is rolled back in the copy.',
      },
    )
  }
  if (error.resultCode === SQLITE.IOERR_SHMSIZE) {
    return new BackupError(
      'INSUFFICIENT_SPACE',
      `Insufficient disk space: SQLite could not make the WAL index beside: ${path}`,
      { ...details, hint: 'Free some space there and try again.' },
    )
  }
  // It ends before the row that is read; a disk that fails is told of otherwise.
  if (error.resultCode === SQLITE.IOERR_SHORT_READ) return damaged(error, path)
  switch (error.primaryCode) {
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return new BackupError('DATABASE_LOCKED', `Database is locked by another process: ${path}`, {
        ...details,
        hint: 'Another program holds it exclusively. Let it finish, or raise waitForLockMs.',
      })
    // Of a database that is only read, SQLite says this when it makes no sense of the schema, such as its format number.
    case SQLITE.ERROR:
    case SQLITE.CORRUPT:
      return damaged(error, path)
    case SQLITE.NOTADB:
      return new BackupError('DATABASE_INVALID', `Not a SQLite database: ${path}`, {
        ...details,
        hint: 'It may be encrypted, damaged, or another kind of file.',
      })
    case SQLITE.FULL:
      return new BackupError('INSUFFICIENT_SPACE', `Insufficient disk space: could not write: ${path}`, {
        ...details,
        hint: 'Free some space there and try again.',
      })
    case SQLITE.CANTOPEN:
      return cannotOpen(path, error)
    case SQLITE.PERM:
    case SQLITE.AUTH:
      return new BackupError('PERMISSION_DENIED', `SQLite cannot open the database: ${path}`, {
        ...details,
        hint: 'Check the permissions of the file and of its directory.',
      })
    case SQLITE.READONLY:
      return new BackupError('READ_ONLY', `The database cannot be written: ${path}`, {
        ...details,
        hint: 'Check the permissions of the file and of its directory, and whether the file system is read-only.',
      })
    default:
      return ofAnotherKind(error, path)
  }
}

function damaged(error: SqliteError, path: string): BackupError {
  return new BackupError('DATABASE_DAMAGED', `Backup integrity check failed: ${error.message}: ${path}`, {
    path,
    cause: error,
    hint: 'The database itself is damaged. Restore the newest good backup, or keep a copy with --keep-damaged and salvage it with `sqlite3 … .recover`.',
  })
}

/** What wants too much memory, and what no other meaning is known of. */
function ofAnotherKind(error: SqliteError, path: string): BackupError {
  const details = { path, cause: error }
  switch (error.primaryCode) {
    case SQLITE.TOOBIG:
      return new BackupError('IO_FAILED', `It has, or computes, a value too large for SQLite: ${path}`, {
        ...details,
        hint: 'Values of up to a gigabyte can be read, and what is written of one is larger. If no value of yours is, the file is made to exhaust whoever reads it: ask where it comes from.',
      })
    case SQLITE.NOMEM:
      return new BackupError('ENGINE_FAILED', `SQLite found no more memory: ${path}`, {
        ...details,
        hint: 'The machine is short of memory, or the file is made to exhaust it. Check the system log and try again.',
      })
    default: {
      const unexplained = new BackupError(
        'IO_FAILED',
        `SQLite could not read or write the database (${error.message}): ${path}`,
        { ...details, hint: 'Check the disk, its quota and the system log.' },
      )
      // A quota that is reached is to SQLite a disk that fails. Not all of it may be used up.
      return (WRITING_FAILED.includes(error.resultCode) ? whyFull(path) : null) ?? unexplained
    }
  }
}

/** SQLite does not say why; a second look does, unless the reason has passed or is another. */
function cannotOpen(path: string, cause: SqliteError): unknown {
  return (
    whyFull(path) ??
    whyRefused(path) ??
    new BackupError('IO_FAILED', `SQLite could not open the database or a file beside it: ${path}`, {
      path,
      cause,
      hint: 'Check the disk, its quota, the system log and the limit of open files (ulimit -n), and try again.',
    })
  )
}

/** Linux's flag for a file that never has a name, on top of O_DIRECTORY; Node does not have it. Source: open(2). */
const O_TMPFILE = 0o20_000_000
/** What SQLite makes at first beside a database in WAL mode: the WAL index, and as much for the log. */
const SIDE_FILES_BYTES = 2 * 32_768

/**
 * The typed error that says why no such files can be made beside this one: space, inodes or a quota are used up. One
 * without a name tells: nobody sees it, and it is gone when it is closed. Null where it can be made, and where nothing
 * is told: on other systems than Linux, and by file systems without such files.
 */
function whyFull(path: string): BackupError | null {
  try {
    const fd = openSync(dirname(path), constants.O_RDWR | constants.O_DIRECTORY | O_TMPFILE, 0o600)
    try {
      writeFully({ fd, path }, Buffer.alloc(SIDE_FILES_BYTES), 0)
    } finally {
      closeSync(fd)
    }
    return null
  } catch (error) {
    const typed = toTypedError(error, 'make a file beside', path)
    return typed instanceof BackupError && typed.code === 'INSUFFICIENT_SPACE' ? typed : null
  }
}

/** Whether this user cannot open the file for reading, or make one beside it. */
export function isRefused(path: string): boolean {
  return whyRefused(path) !== null
}

/** The typed error that says why this user cannot open the file, or make one beside it; null when he can. */
function whyRefused(path: string): unknown {
  try {
    accessSync(path, constants.R_OK)
    accessSync(dirname(path), constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    return toTypedError(error, 'open', path)
  }
}
