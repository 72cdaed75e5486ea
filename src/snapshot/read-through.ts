import { BackupError } from '../errors.ts'
import { hashFile } from './hash.ts'
import { openIfThere } from './source-files.ts'

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
