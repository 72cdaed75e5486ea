import { BackupError } from '../errors.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'

/** SQLite's result codes that have a meaning of their own here. Source: sqlite.org/rescode.html. */
export const SQLITE = {
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  AUTH: 23,
  NOTADB: 26,
  READONLY_ROLLBACK: 776,
} as const

/** The typed error for what SQLite said of the database at `path`; other errors come back as they are. */
export function fromSqlite(error: unknown, path: string): unknown {
  if (!(error instanceof SqliteError)) return error
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
  switch (error.primaryCode) {
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return new BackupError('DATABASE_LOCKED', `Database is locked by another process: ${path}`, {
        ...details,
        hint: 'Another program holds it exclusively. Let it finish, or raise waitForLockMs.',
      })
    case SQLITE.CORRUPT:
      return new BackupError('DATABASE_DAMAGED', `Backup integrity check failed: ${error.message}: ${path}`, {
        ...details,
        hint: 'The database itself is damaged. Restore the newest good backup, or keep a copy with --keep-damaged and salvage it with `sqlite3 … .recover`.',
      })
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
    case SQLITE.PERM:
    case SQLITE.AUTH:
    case SQLITE.CANTOPEN:
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
      return new BackupError(
        'IO_FAILED',
        `SQLite could not read or write the database (${error.message}): ${path}`,
        {
          ...details,
          hint: 'Check the disk and the system log.',
        },
      )
  }
}
