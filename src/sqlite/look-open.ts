/** Opening an image to look inside. Whoever made it may want to harm whoever looks. */
import type { DatabaseSync } from 'node:sqlite'
import { openImmutable } from './sql.ts'

/** A statement of a caller's own makes values of its own: none larger than this. Rows are read in parts. */
export const QUERY_VALUE_BYTES_MAX: number = 16 << 20

/**
 * Opens it as sqlite.org/security.html advises. What sorting needs is kept in memory, which whoever asked watches: on a
 * disk nothing would bound it.
 */
export function openToLook(path: string): DatabaseSync {
  const connection = openImmutable(path)
  connection.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0')
  if (process.platform === 'linux') connection.exec('PRAGMA temp_store = MEMORY')
  return connection
}

/** Runs `work` on the image, and closes it whatever happens. */
export async function withImage<T>(
  path: string,
  work: (connection: DatabaseSync) => T | Promise<T>,
): Promise<T> {
  const connection = openToLook(path)
  try {
    return await work(connection)
  } finally {
    connection.close()
  }
}
