import { BackupError } from '../errors.ts'
import { hashFile } from './hash.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import { openIfThere } from './source-files.ts'
import { SQLITE } from './sqlite-failure.ts'

/** Of a disk that fails for a moment SQLite says that the database is damaged: it has to say so twice. */
export function unlessDiskFails<T>(ask: () => Promise<T>, path: string, signal: AbortSignal): Promise<T> {
  return askTwice(ask, isDamage, path, signal)
}

function isDamage(error: unknown): error is SqliteError {
  return error instanceof SqliteError && error.primaryCode === SQLITE.CORRUPT
}

/** Asks again after an answer that is doubtful, once the disk has given the files in full. */
async function askTwice<T>(
  ask: () => Promise<T>,
  isDoubtful: (error: unknown) => error is SqliteError,
  path: string,
  signal: AbortSignal,
): Promise<T> {
  let about = path
  try {
    return await ask()
  } catch (error) {
    if (!isDoubtful(error)) throw error
    about = error.path ?? path
  }
  await readThrough(about, signal)
  return await ask()
}

/**
 * SQLite parses the schema as it reads it, and of what fails meanwhile it says no more than "disk I/O error": of a disk
 * that fails, and of a file that ends within the schema.
 */
export function isUnexplained(error: unknown): error is SqliteError {
  return error instanceof SqliteError && error.resultCode === SQLITE.IOERR
}

/** What {@link isUnexplained} is of files that the disk gives in full: damage. Anything else comes back as it is. */
export function damageIfUnexplained(error: unknown): unknown {
  if (!isUnexplained(error)) return error
  const { message, path } = error
  return new SqliteError({ message, resultCode: SQLITE.CORRUPT, ...(path === null ? {} : { path }) })
}

/**
 * What SQLite cannot explain, and says twice of files that the disk gives in full, is damage.
 *
 * @param path of the database that is asked about, where the error names no other
 */
export async function unlessCutShort<T>(
  ask: () => Promise<T>,
  path: string,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await askTwice(ask, isUnexplained, path, signal)
  } catch (error) {
    throw damageIfUnexplained(error)
  }
}

/** Both of {@link unlessDiskFails} and {@link unlessCutShort}. */
export function unlessDoubtful<T>(ask: () => Promise<T>, path: string, signal: AbortSignal): Promise<T> {
  return unlessCutShort(() => unlessDiskFails(ask, path, signal), path, signal)
}

/**
 * Reads a database's files from beginning to end, to tell a disk that fails from a database that is damaged:
 * SQLite calls both damage. Throws what the disk says; what is in the files is of no interest.
 */
export async function readThrough(database: string, signal: AbortSignal): Promise<void> {
  for (const suffix of ['', '-wal', '-journal']) {
    using file = openIfThere(`${database}${suffix}`)
    if (file === null) continue
    try {
      await hashFile(file.fd, file.size, file.path, { signal })
    } catch (error) {
      // Its application has cut it meanwhile.
      if (!(error instanceof BackupError) || error.code !== 'DATABASE_DAMAGED') throw error
    }
  }
}
