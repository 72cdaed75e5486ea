import { BackupError } from '../errors.ts'
import { hashFile } from './hash.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import { openIfThere } from './source-files.ts'
import { SQLITE } from './sqlite-failure.ts'

/** Of a disk that fails for a moment SQLite says that the database is damaged: it has to say so twice. */
export async function unlessDiskFails<T>(
  ask: () => Promise<T>,
  path: string,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof SqliteError) || error.primaryCode !== SQLITE.CORRUPT) throw error
  }
  await readThrough(path, signal)
  return await ask()
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
