import { stat } from 'node:fs/promises'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import { toTypedError } from '../storage/io-errors.ts'
import { damageIfUnexplained, isUnexplained, readThrough } from './read-through.ts'
import { changing, findDatabase, openIfThere, RawFile, readDatabaseHeader } from './source-files.ts'
import { fromSqlite, isRefused, SQLITE } from './sqlite-failure.ts'
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
  for (let attempt = 1; ; attempt++) {
    throwIfCancelled(options.signal)
    const database = await findDatabase(path)
    const identity = await identityOf(database)
    const file = attempt === 1 ? options.file : `${options.file}.${attempt}`
    try {
      return await takeOnce(database, { ...options, file })
    } catch (error) {
      // Whatever went wrong with a file that was deleted or replaced meanwhile says nothing of the one there now.
      const isOther = identity === null || (await identityOf(database)) !== identity
      const failure = isOther && !options.signal.aborted ? changing(path) : error
      if (isSaidToBeDamaged(failure) && attempt === 1) await readThrough(database, options.signal)
      if (!isWorthAnother(failure, attempt))
        throw toTypedError(fromSqlite(damageIfUnexplained(failure), path), 'read the database', path)
    }
  }
}

function isSaidToBeDamaged(failure: unknown): failure is SqliteError {
  const isDamage = failure instanceof SqliteError && failure.primaryCode === SQLITE.CORRUPT
  return isDamage || isUnexplained(failure)
}

/** Of a disk that fails for a moment SQLite says that the database is damaged: it has to say so twice. */
function isWorthAnother(failure: unknown, attempt: number): boolean {
  if (isSaidToBeDamaged(failure)) return attempt === 1
  return failure instanceof BackupError && failure.code === 'DATABASE_CHANGING' && attempt < TRIES_MAX
}

/** Which file is there. The time of its birth too, because a new file may get the number of a deleted one. */
async function identityOf(database: string): Promise<string | null> {
  try {
    const { dev, ino, birthtimeNs } = await stat(database, { bigint: true })
    return `${dev} ${ino} ${birthtimeNs}`
  } catch {
    return null
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
    // SQLite needs to write side files that it may not write here, in a read-only directory or medium, or
    // cannot, on a full disk. Had anybody the database open, the WAL index would be there.
    const cannotOpen =
      error.primaryCode === SQLITE.CANTOPEN ||
      error.primaryCode === SQLITE.READONLY ||
      error.resultCode === SQLITE.IOERR_SHMSIZE
    if (!cannotOpen) throw error
    return await takeUnopened(database, error, anew)
  }
}

/** Reads the files without SQLite; where that is no way either for want of a right, says so only if one is missing. */
async function takeUnopened(
  database: string,
  reason: SqliteError,
  options: TakeOptions,
): Promise<TakenImage> {
  try {
    return await takeFromQuiescentFiles(database, options)
  } catch (error) {
    const isExplained = reason.primaryCode !== SQLITE.CANTOPEN || isRefused(database)
    throw error instanceof BackupError && error.code === 'READ_ONLY' && !isExplained ? reason : error
  }
}

/** A WAL that lies beside a database counts for SQLite, whatever the file's own header says. */
function isInWalMode(database: string): boolean {
  using file = new RawFile(database)
  const header = readDatabaseHeader(file)
  using wal = openIfThere(`${database}-wal`)
  return header !== null && (header.isWal || (wal !== null && wal.size > 0))
}
