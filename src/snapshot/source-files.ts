/** The files of a database, opened raw: in a process that never opens them with SQLite. */
import { constants, fstatSync, openSync, type Stats } from 'node:fs'
import { BackupError } from '../errors.ts'
import type { FileIdentity } from '../sqlite/requests.ts'
import { during, isNotThere, toTypedError } from '../storage/io-errors.ts'
import { targetOf } from '../storage/looks.ts'
import { closeRead, readAvailable } from '../storage/transfer.ts'
import { type DatabaseHeader, HEADER_BYTES, parseDatabaseHeader } from './database-header.ts'

/** The real path of the database file, links resolved as SQLite does. Throws typed errors for what is no regular file. */
export async function findDatabase(path: string): Promise<string> {
  const found = await during('find the database', path, () => targetOf(path))
  if (found?.stats.isFile() === true) return found.path
  throw found === null ? notFound(path) : notAFile(path, found.stats)
}

function notFound(path: string): BackupError {
  return new BackupError('DATABASE_NOT_FOUND', `Database file not found: ${path}`, {
    hint: 'Check the path (a relative one starts at the working directory or the configuration file) and its permissions.',
    path,
  })
}

function notAFile(path: string, stats: Stats): BackupError {
  return new BackupError(
    'DATABASE_INVALID',
    `Not a file but a ${stats.isDirectory() ? 'directory' : 'special file'}: ${path}`,
    { hint: 'Give the path of the SQLite database file itself.', path },
  )
}

/** A file opened for reading, closed by `using`. */
export class RawFile implements Disposable {
  readonly fd: number
  readonly path: string

  /** Does not block on a FIFO that was put in the file's place. Windows has no flag for that, and nothing adds nothing. */
  constructor(path: string) {
    this.path = path
    try {
      this.fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    } catch (error) {
      throw toTypedError(error, 'open', path)
    }
  }

  get size(): number {
    return fstatSync(this.fd).size
  }

  get identity(): FileIdentity {
    const stats = fstatSync(this.fd, { bigint: true })
    return { device: String(stats.dev), inode: String(stats.ino) }
  }

  /** Changes whenever anyone writes the file. */
  get version(): string {
    const stats = fstatSync(this.fd, { bigint: true })
    return `${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`
  }

  [Symbol.dispose](): void {
    closeRead(this.fd)
  }
}

/** A side file (`-wal`, `-journal`) opened for reading, or null when there is none. */
export function openIfThere(path: string): RawFile | null {
  try {
    return new RawFile(path)
  } catch (error) {
    if (error instanceof BackupError && isNotThere(error.cause)) return null
    throw error
  }
}

/** The header of a database file; null for an empty file. Throws `DATABASE_INVALID` for anything else. */
export function readDatabaseHeader(file: RawFile): DatabaseHeader | null {
  const bytes = Buffer.alloc(HEADER_BYTES)
  const got = readAvailable(file, bytes, 0)
  if (got === 0) return null
  const header = parseDatabaseHeader(bytes.subarray(0, got))
  if (header !== null) return header
  throw new BackupError('DATABASE_INVALID', `Not a SQLite database: ${file.path}`, {
    hint: 'The file does not start with a SQLite header. It may be encrypted, damaged, or another kind of file.',
    path: file.path,
  })
}

/** The header of the database file at `path`; null for an empty file. */
export function readHeaderOf(path: string): DatabaseHeader | null {
  using file = new RawFile(path)
  return readDatabaseHeader(file)
}

export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.inode === b.inode && a.device === b.device
}

/** The database was written, replaced or switched to another journal mode while it was read; a new try may see it calm. */
export function changing(path: string): BackupError {
  return new BackupError('DATABASE_CHANGING', `The database file kept changing while it was read: ${path}`, {
    hint: 'Another program replaces the file or switches its journal mode. Try again when it is done.',
    path,
  })
}
