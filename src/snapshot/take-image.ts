import { BackupError, throwIfCancelled } from '../errors.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import { toTypedError } from '../storage/io-errors.ts'
import { findDatabase, RawFile, readDatabaseHeader } from './source-files.ts'
import { fromSqlite, SQLITE } from './sqlite-failure.ts'
import type { TakenImage, TakeOptions } from './taken-image.ts'
import { takeFromQuiescentFiles } from './take-quiescent.ts'
import { takeFromRollbackMode } from './take-rollback.ts'
import { takeFromWalMode } from './take-wal.ts'
import { takeRecovered } from './take-recovered.ts'

/** So often is begun anew when the database is replaced or switched to another journal mode meanwhile. */
const TRIES_MAX = 20

/**
 * Reads one consistent image of a live database into a new file. The database's main file and WAL are
 * never written, no checkpoint is forced, and writers in WAL mode never wait.
 *
 * Throws `DATABASE_NOT_FOUND`, `DATABASE_INVALID`, `DATABASE_LOCKED`, `DATABASE_DAMAGED`,
 * `DATABASE_CHANGING`, `PERMISSION_DENIED`, `INSUFFICIENT_SPACE`, `CANCELLED`.
 */
export async function takeImage(path: string, options: TakeOptions): Promise<TakenImage> {
  const database = await findDatabase(path)
  for (let attempt = 1; ; attempt++) {
    throwIfCancelled(options.signal)
    const file = attempt === 1 ? options.file : `${options.file}.${attempt}`
    try {
      return await takeOnce(database, { ...options, file })
    } catch (error) {
      const isWorthAnother =
        error instanceof BackupError && error.code === 'DATABASE_CHANGING' && attempt < TRIES_MAX
      if (!isWorthAnother) throw toTypedError(fromSqlite(error, path), 'read the database', path)
    }
  }
}

async function takeOnce(database: string, options: TakeOptions): Promise<TakenImage> {
  const take = isInWalMode(database) ? takeFromWalMode : takeFromRollbackMode
  try {
    return await take(database, options)
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error
    // What this try has copied so far stays in its file, which goes with the directory.
    const anew = { ...options, file: `${options.file}.anew` }
    if (error.resultCode === SQLITE.READONLY_ROLLBACK) return takeRecovered(database, anew)
    // SQLite needs to write side files that it may not write here: a read-only directory or medium.
    const cannotOpen = error.primaryCode === SQLITE.CANTOPEN || error.primaryCode === SQLITE.READONLY
    if (cannotOpen) return takeFromQuiescentFiles(database, anew)
    throw error
  }
}

function isInWalMode(database: string): boolean {
  using file = new RawFile(database)
  return readDatabaseHeader(file)?.isWal ?? false
}
