/** The file of the WAL index, `<database>-shm`, and whether SQLite goes by it. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs'

/**
 * Whether the transaction that this process has begun goes by the file. SQLite makes an index of its own, in memory
 * and from the WAL, where it may not write the file and nobody else has the database open: nothing flushes the file, so
 * what a power cut or a snapshot of a disk has left of it may be older than the WAL.
 */
export function isWalIndexUsed(file: string): boolean {
  return isWritable(file) || isMapped(file)
}

export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/**
 * SQLite maps what it goes by: a file of this inode whose name is that of a WAL index. On some file systems the device
 * that a map shows is another than that of the file. False where the system does not tell, so that the index counts for
 * nothing. Format of `maps`: proc_pid_maps(5).
 */
function isMapped(file: string): boolean {
  try {
    const inode = String(statSync(file, { bigint: true }).ino)
    return readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .some(line => line.split(/ +/, 5)[4] === inode && line.endsWith('-shm'))
  } catch {
    return false
  }
}
