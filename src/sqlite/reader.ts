/** The reader of the SQLite process: one read transaction on one database. */
import { existsSync, openSync, type BigIntStats, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { closeRead, type OpenFile, readAvailable } from '../storage/transfer.ts'
import { nothingIsOpen } from './process-failed.ts'
import type { Description, FileIdentity, ReadFacts, TableRows } from './requests.ts'
import { openExisting, openImmutable, single } from './sql.ts'
import { countRows, tableNames } from './tables.ts'
import { isWalIndexUsed, isWritable } from './wal-index-file.ts'

/** Both copies of the WAL index's header and its checkpoint information. */
const WAL_INDEX_HEADER_BYTES = 136
/** Where the header says, in two bytes, which journal mode the file is in for writers and for readers: 2 is WAL. */
const FORMAT_VERSIONS_OFFSET = 18
/** A try takes microseconds and nearly always succeeds; even the impatient wait for some of them. */
const PIN_MS_MIN = 2_000
const SQLITE_BUSY = 5
/** What a look at a file found; a bare SQLITE_IOERR would say that nobody knows what was wrong. */
const SQLITE_IOERR_FSTAT = 1802
const SQLITE_CORRUPT = 11
const SQLITE_READONLY_ROLLBACK = 776

interface OpenReader {
  readonly path: string
  readonly connection: DatabaseSync
  /** Raw descriptor of the WAL index; closed only after the connection, whose locks its closing would drop. */
  walIndexFd: number | null
  /** Whether the WAL was not there before, so that our opening made it. */
  readonly madeWal: boolean
}

let reader: OpenReader | null = null

export function beginRead(path: string, waitMs: number): ReadFacts {
  endRead()
  requireReadable(path)
  const madeWal = !existsSync(`${path}-wal`)
  const before = identityOf(path)
  // Opening a database in WAL mode makes a `-wal` and a `-shm`, which only a connection that may write the database
  // removes again. Without that right, and without a `-wal`, everything is in the main file: it is opened as one that
  // does not change, which makes no files; its reader sees by its times whether it did.
  const isSealed = madeWal && isInWalMode(path) && !isWritable(path)
  const connection = isSealed
    ? openImmutable(path)
    : new DatabaseSync(path, { readOnly: true, timeout: waitMs })
  reader = { path, connection, walIndexFd: null, madeWal }
  try {
    const facts = readFacts(reader, before, waitMs)
    return isSealed ? { ...facts, journalMode: 'wal' } : facts
  } catch (error) {
    endRead()
    throw error
  }
}

/** The connection of the open reader, for those who read more than its facts. */
export function readerConnection(): DatabaseSync {
  if (reader === null) throw nothingIsOpen()
  return reader.connection
}

export function endRead(): void {
  if (reader === null) return
  const { connection, path, walIndexFd, madeWal } = reader
  reader = null
  connection.close()
  if (walIndexFd !== null) closeRead(walIndexFd)
  if (madeWal) removeEmptyWal(path)
}

/**
 * Starts a read transaction on `connection` and says what it sees. The WAL index's header is the one that
 * SQLite started from: it is read before and after, until both agree.
 */
export function readFacts(
  open: { readonly path: string; readonly connection: DatabaseSync; walIndexFd: number | null },
  before: FileIdentity,
  waitMs: number,
): ReadFacts {
  const { connection, path } = open
  startReading(connection)
  const journalMode = String(single(connection, 'PRAGMA journal_mode'))
  let walIndex: Uint8Array | null = null
  if (journalMode === 'wal') {
    open.walIndexFd ??= openWalIndex(path)
    if (open.walIndexFd !== null && isWalIndexUsed(`${path}-shm`))
      walIndex = pinWalIndex(connection, { fd: open.walIndexFd, path: `${path}-shm` }, waitMs)
  }
  const now = identityOf(path)
  return {
    // A file that was replaced while we opened it has two identities; an empty one equals no other.
    identity: now.inode === before.inode && now.device === before.device ? now : { device: '', inode: '' },
    journalMode,
    walIndex,
    sqliteVersion: String(single(connection, 'SELECT sqlite_version()')),
    userVersion: Number(single(connection, 'PRAGMA user_version')),
    pageCount: unlessDamaged(() => Number(single(connection, 'PRAGMA page_count'))),
    encoding: unlessDamaged(() => String(single(connection, 'PRAGMA encoding'))) ?? '',
  }
}

export function describe(countPagesMax: number): Description {
  const connection = readerConnection()
  const pages = Number(single(connection, 'PRAGMA page_count'))
  const names = tableNames(connection)
  return {
    pageSize: Number(single(connection, 'PRAGMA page_size')),
    pageCount: pages,
    freePages: Number(single(connection, 'PRAGMA freelist_count')),
    tables: names.map((name): TableRows => ({
      name,
      rows: pages <= countPagesMax ? countRows(connection, name) : null,
    })),
  }
}

export function identityOf(path: string): FileIdentity {
  const stats: BigIntStats = statSync(path, { bigint: true })
  return { device: String(stats.dev), inode: String(stats.ino) }
}

/**
 * Refuses what SQLite would do more with than read, even on a read-only connection: it waits for ever for a
 * writer of a FIFO, and it deletes a WAL or a journal beside a file that is empty (or of one byte, which it
 * takes for empty). There that may be all that is left of the database.
 */
function requireReadable(path: string): void {
  const isEmpty = statSync(path).size <= 1
  for (const suffix of ['-journal', '-wal', '-shm']) {
    const beside = statSync(`${path}${suffix}`, { throwIfNoEntry: false })
    if (beside === undefined || beside.isDirectory()) continue
    if (!beside.isFile()) throw failure(`not a file: ${path}${suffix}`, SQLITE_IOERR_FSTAT)
    if (!isEmpty || beside.size === 0) continue
    if (suffix === '-wal') throw failure('the file is empty, but its write-ahead log is not', SQLITE_CORRUPT)
    if (suffix === '-journal')
      throw failure('the file is empty, but its journal is not', SQLITE_READONLY_ROLLBACK)
  }
}

function failure(message: string, errcode: number): Error {
  return Object.assign(new Error(message), { errcode })
}

/** `PRAGMA schema_version` takes the read lock without parsing the schema, which may be damaged. */
function startReading(connection: DatabaseSync): void {
  connection.exec('BEGIN')
  connection.prepare('PRAGMA schema_version').get()
}

function pinWalIndex(connection: DatabaseSync, file: OpenFile, waitMs: number): Uint8Array {
  const deadline = performance.now() + Math.max(waitMs, PIN_MS_MIN)
  for (;;) {
    connection.exec('ROLLBACK')
    const header = readWalIndex(file)
    startReading(connection)
    const again = readWalIndex(file)
    // Only the header must agree; the checkpoint information behind it may advance under our lock.
    if (header.subarray(0, 96).equals(again.subarray(0, 96))) return again
    // A header that is not the transaction's own would make an image of no commit.
    if (performance.now() > deadline)
      throw Object.assign(new Error('database is locked'), { errcode: SQLITE_BUSY })
  }
}

function readWalIndex(file: OpenFile): Buffer {
  const bytes = Buffer.alloc(WAL_INDEX_HEADER_BYTES)
  return bytes.subarray(0, readAvailable(file, bytes, 0))
}

function openWalIndex(path: string): number | null {
  return existsSync(`${path}-shm`) ? openSync(`${path}-shm`, 'r') : null
}

/** Read before the database is opened: closing a descriptor of it would drop SQLite's locks. */
function isInWalMode(path: string): boolean {
  const versions = Buffer.alloc(2)
  try {
    const fd = openSync(path, 'r')
    try {
      readAvailable({ fd, path }, versions, FORMAT_VERSIONS_OFFSET)
    } finally {
      closeRead(fd)
    }
  } catch {
    // SQLite will say what is wrong with the file.
  }
  return versions[1] === 2
}

function unlessDamaged<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}

/**
 * Opening a database in WAL mode that nobody else has open makes an empty `-wal` and a `-shm`, and a
 * read-only connection leaves them there. A connection that may write removes them when it is the last
 * to close; with an empty WAL it has nothing to checkpoint, so the main file is not written.
 */
function removeEmptyWal(path: string): void {
  try {
    if (statSync(`${path}-wal`).size > 0) return
    const connection = openExisting(path)
    try {
      connection.prepare('PRAGMA schema_version').get()
    } finally {
      connection.close()
    }
  } catch {
    // Leaving an empty WAL behind harms nobody; the database may be read-only or in use again.
  }
}
