/**
 * The catalog's lock: one writer at a time in a backup directory. It is a SQLite lock on an empty
 * database file, which the kernel releases when its process dies; there is nothing stale to clean up.
 */
import { accessSync, closeSync, constants, lstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { openExisting } from '../sqlite/sql.ts'
import { isAlreadyThere, toTypedError } from '../storage/io-errors.ts'

const LOCK_FILE = '.chame-backup.lock'
/** Short against any backup, long against the cost of a try. */
const RETRY_MS = 20
const SQLITE_BUSY = 5
const EXCLUSIVE = 'BEGIN EXCLUSIVE'

export interface LockOptions {
  readonly waitMs: number
  readonly signal: AbortSignal
}

/** Held until it is disposed of. */
export class CatalogLock implements Disposable {
  readonly #connection: DatabaseSync

  private constructor(connection: DatabaseSync) {
    this.#connection = connection
  }

  /** Takes the lock that a file is, of whatever name, at once; null when somebody has it. */
  static tryAcquire(path: string): CatalogLock | null {
    return CatalogLock.#try(path, EXCLUSIVE)
  }

  /** Takes the lock that a file is together with others who share it, at once; null when somebody has it for himself. */
  static tryShare(path: string): CatalogLock | null {
    return CatalogLock.#try(path, 'BEGIN; SELECT 1 FROM sqlite_schema')
  }

  static #try(path: string, sql: string): CatalogLock | null {
    makeLockFile(path)
    const connection = openLockFile(path)
    try {
      if (tryLock(connection, path, sql)) return new CatalogLock(connection)
    } catch (error) {
      connection.close()
      throw error
    }
    connection.close()
    return null
  }

  /** Waits for the lock. Throws `CATALOG_LOCKED` after `waitMs`, or `CANCELLED`. */
  static async acquire(backupDir: string, { waitMs, signal }: LockOptions): Promise<CatalogLock> {
    const path = join(backupDir, LOCK_FILE)
    makeLockFile(path)
    // An immediate answer instead of SQLite's own waiting, which would block this process's events.
    const connection = openLockFile(path)
    try {
      const deadline = performance.now() + waitMs
      while (!tryLock(connection, path, EXCLUSIVE)) {
        if (performance.now() > deadline) throw locked(backupDir)
        await sleep(RETRY_MS)
        throwIfCancelled(signal)
      }
      return new CatalogLock(connection)
    } catch (error) {
      connection.close()
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close()
  }
}

/**
 * Makes the lock file unless it is there, and never opens one that is: closing it again would give up the
 * lock that this process may hold on it for another operation. Source: sqlite.org/howtocorrupt.html, 2.2.
 */
function makeLockFile(path: string): void {
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600))
  } catch (error) {
    if (!isAlreadyThere(error)) throw toTypedError(error, 'make the lock file', path)
    requireUsable(path)
  }
}

/** SQLite would follow a link, and open for reading what it may not write. */
function requireUsable(path: string): void {
  let isFile: boolean
  try {
    isFile = lstatSync(path).isFile()
    if (isFile) accessSync(path, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw toTypedError(error, 'use the lock file', path)
  }
  if (!isFile) throw cannotLock(path, new Error('it is not a file'))
}

function openLockFile(path: string): DatabaseSync {
  try {
    return openExisting(path)
  } catch (error) {
    throw cannotLock(path, error)
  }
}

function tryLock(connection: DatabaseSync, path: string, sql: string): boolean {
  try {
    // The lock alone is wanted: no journal file beside it, which a full disk could refuse.
    connection.exec(`PRAGMA journal_mode = MEMORY; ${sql}`)
    return true
  } catch (error) {
    if ((Number((error as { errcode?: unknown }).errcode) & 0xff) === SQLITE_BUSY) return false
    throw cannotLock(path, error)
  }
}

function cannotLock(path: string, cause: unknown): BackupError {
  return new BackupError('IO_FAILED', `The catalog could not be locked: ${path}`, {
    hint: 'The backup directory must be on a file system with POSIX locks, and its lock file must be writable.',
    path,
    cause,
  })
}

function locked(backupDir: string): BackupError {
  return new BackupError(
    'CATALOG_LOCKED',
    `Another backup or restore is at work in this backup directory: ${backupDir}`,
    {
      hint: 'Let it finish and try again, or raise waitForLockMs.',
      path: backupDir,
    },
  )
}
