/** The target of a restore: one database that is open for writing in the SQLite process. */
import { existsSync, openSync } from 'node:fs'
import { backup, DatabaseSync } from 'node:sqlite'
import { cancelled } from '../errors.ts'
import { closeRead, readAvailable } from '../storage/transfer.ts'
import { nothingIsOpen } from './process-failed.ts'
import { identityOf, readFacts } from './reader.ts'
import type { ApplyOutcome, SqliteRequests, TargetFacts, TargetReadFacts } from './requests.ts'
import { openImmutable, single } from './sql.ts'

/** Bytes copied between two reports: enough that the steps themselves cost nothing. */
const STEP_BYTES = 64 << 20
/** In rollback mode, so little that SQLite's cache has not written page 1 with its counter before the first report. */
const ROLLBACK_STEP_BYTES = 1 << 20
const CHANGE_COUNTER_OFFSET = 24
const WAL_INDEX_CHANGE_OFFSET = 8
const SQLITE_BUSY = 5
const SQLITE_READONLY = 8
const SQLITE_READONLY_ROLLBACK = 776

interface OpenTarget {
  readonly path: string
  connection: DatabaseSync
  /** Raw descriptors live as long as the connection: closing one would drop SQLite's locks on that file. */
  readonly mainFd: number
  walIndexFd: number | null
  readonly waitMs: number
}

let target: OpenTarget | null = null
/** Whether the next step of writing into the open target is not to be taken. */
let isStopped = false

export function openTarget(path: string, waitMs: number): TargetFacts {
  closeTarget()
  isStopped = false
  const connection = new DatabaseSync(path, { timeout: waitMs })
  try {
    connection.prepare('PRAGMA schema_version').get()
    const journalMode = String(single(connection, 'PRAGMA journal_mode'))
    target = { path, connection, mainFd: openSync(path, 'r'), walIndexFd: null, waitMs }
    if (journalMode === 'wal' && existsSync(`${path}-shm`)) target.walIndexFd = openSync(`${path}-shm`, 'r')
    return {
      journalMode,
      pageSize: Number(single(connection, 'PRAGMA page_size')),
      sqliteVersion: String(single(connection, 'SELECT sqlite_version()')),
    }
  } catch (error) {
    if (target === null) connection.close()
    closeTarget()
    throw isUnwritable(error) ? Object.assign(error, { errcode: SQLITE_READONLY }) : error
  }
}

/** What SQLite cannot open for writing it opens for reading, and then finds a journal that it cannot roll back. */
function isUnwritable(error: unknown): error is Error {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_READONLY_ROLLBACK
}

export function closeTarget(): void {
  if (target === null) return
  const { connection, mainFd, walIndexFd } = target
  target = null
  connection.close()
  closeRead(mainFd)
  if (walIndexFd !== null) closeRead(walIndexFd)
}

export function leaveWal(): void {
  const open = openedTarget()
  single(open.connection, 'PRAGMA journal_mode = DELETE')
  // Its file is gone, and with it the locks that closing it could drop.
  if (open.walIndexFd !== null) closeRead(open.walIndexFd)
  open.walIndexFd = null
}

/**
 * Runs SQLite's backup API into the target: one transaction, so that open connections see the old
 * content or the new, and a crash rolls back. Source: sqlite.org/c3ref/backup_finish.html.
 */
export async function apply(
  { source, onto }: SqliteRequests['apply']['request'],
  onProgress: (doneBytes: number, totalBytes: number) => void,
): Promise<ApplyOutcome | null> {
  const open = openedTarget()
  const image = openSource(source)
  let isOvertaken = false
  try {
    const pageSize = Number(single(image, 'PRAGMA page_size'))
    const pages = Number(single(image, 'PRAGMA page_count'))
    const stepBytes = open.walIndexFd === null ? ROLLBACK_STEP_BYTES : STEP_BYTES
    let counterBefore: number | null = null
    // Of a single page there is no report, and no look under the lock: it is that of an empty database.
    if (onto !== null && pages === 1 && readCommitCounter(open) !== onto) return null
    await backup(image, open.path, {
      // At least two steps, because progress is told between steps only.
      rate: Math.max(1, Math.min(Math.floor(stepBytes / pageSize), pages - 1)),
      progress: ({ totalPages, remainingPages }) => {
        // SQLite undoes what was not committed. Whoever asks has a definite answer, which killing us would not give.
        if (isStopped) throw cancelled()
        // From the first step on the target is locked, so nobody else can advance its counter.
        counterBefore ??= readCommitCounter(open)
        isOvertaken = onto !== null && counterBefore !== onto
        if (isOvertaken) throw new Error('others have committed')
        onProgress((totalPages - remainingPages) * pageSize, totalPages * pageSize)
      },
    })
    const commitCounter = counterBefore === null ? null : (counterBefore + 1) >>> 0
    return { commitCounter, isCounterInWalIndex: open.walIndexFd !== null }
  } catch (error) {
    if (isOvertaken) return null
    throw isBusy(error) ? Object.assign(new Error('database is locked'), { errcode: SQLITE_BUSY }) : error
  } finally {
    image.close()
  }
}

export function stopApplying(): void {
  isStopped = true
}

/** What is wrong with opening the source is not the target's fault, and says so. */
function openSource(source: string): DatabaseSync {
  try {
    return openImmutable(source)
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { fileOfSource: source }) : error
  }
}

/** node:sqlite reports a locked target as an error without a code ("not an error"); other failures have theirs. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 0
}

export function beginTargetRead(): TargetReadFacts {
  const open = openedTarget()
  renewConnection(open)
  const facts = readFacts(open, identityOf(open.path), open.waitMs)
  const { walIndex } = facts
  // In WAL mode others may commit meanwhile: then the file itself is ahead of the transaction.
  const commitCounter =
    walIndex === null ? readCommitCounter(open) : Buffer.from(walIndex).readUInt32LE(WAL_INDEX_CHANGE_OFFSET)
  return { ...facts, commitCounter }
}

/**
 * A connection fails once the text encoding of its database has changed. The new one is open before the old
 * one closes, because the last one to close would remove the WAL and its commit counter.
 */
function renewConnection(open: OpenTarget): void {
  const renewed = new DatabaseSync(open.path, { timeout: open.waitMs })
  try {
    renewed.prepare('PRAGMA schema_version').get()
  } catch (error) {
    renewed.close()
    throw error
  }
  open.connection.close()
  open.connection = renewed
}

export function endTargetRead(): void {
  openedTarget().connection.exec('ROLLBACK')
}

/** Copies the WAL into the main file as far as the database's readers allow. */
export function checkpointTarget(): void {
  const { connection } = openedTarget()
  if (single(connection, 'PRAGMA journal_mode') !== 'wal') return
  connection.exec('PRAGMA busy_timeout = 1000')
  connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all()
}

/**
 * A process may die when the last frame of its transaction is in the WAL and the WAL index does not say so
 * yet. Whoever has the database open sees nothing of it; but after a power cut the index is made anew from the
 * WAL, and the transaction would count. A commit that changes nothing takes its frames' place.
 */
export function forgetUncommitted(): void {
  const { connection } = openedTarget()
  if (single(connection, 'PRAGMA journal_mode') !== 'wal') return
  connection.exec('BEGIN IMMEDIATE')
  try {
    connection.exec(`PRAGMA user_version = ${Number(single(connection, 'PRAGMA user_version'))}`)
    connection.exec('COMMIT')
  } catch (error) {
    if (connection.isTransaction) connection.exec('ROLLBACK')
    throw error
  }
}

/** Sets the journal mode if nobody else has the database open; answers the mode it is in. */
export function settleTarget(journalMode: 'wal' | 'delete'): { journalMode: string } {
  const { connection } = openedTarget()
  connection.exec('PRAGMA busy_timeout = 1000')
  const mode = String(single(connection, 'PRAGMA journal_mode'))
  if (mode === journalMode) return { journalMode }
  try {
    single(connection, `PRAGMA journal_mode = ${journalMode}`)
  } catch {
    // Another connection has the database open; the answer says which mode it stays in.
  }
  return { journalMode: String(single(connection, 'PRAGMA journal_mode')) }
}

function openedTarget(): OpenTarget {
  if (target === null) throw nothingIsOpen()
  return target
}

/** The counter that every commit advances by one: in the WAL index in WAL mode, else in the file's header. */
function readCommitCounter({ path, mainFd, walIndexFd }: OpenTarget): number {
  const bytes = Buffer.alloc(4)
  if (walIndexFd === null) {
    readAvailable({ fd: mainFd, path }, bytes, CHANGE_COUNTER_OFFSET)
    return bytes.readUInt32BE(0)
  }
  readAvailable({ fd: walIndexFd, path: `${path}-shm` }, bytes, WAL_INDEX_CHANGE_OFFSET)
  return bytes.readUInt32LE(0)
}
