/**
 * What the SQLite process can be asked. It is the only process that opens protected databases with
 * SQLite, and it has at most one reader and one target open.
 */

/** A file's identity, to see that two processes opened the same one. */
export interface FileIdentity {
  readonly device: string
  readonly inode: string
}

/** What SQLite says of a database inside a read transaction. */
export interface ReadFacts {
  readonly identity: FileIdentity
  readonly journalMode: string
  readonly sqliteVersion: string
  /** Null where the schema or the header is too damaged for SQLite to say. */
  readonly pageCount: number | null
  readonly userVersion: number
  readonly encoding: string
  /** The WAL index's header as of the transaction; null when there is none (rollback mode). */
  readonly walIndex: Uint8Array | null
}

export interface TableRows {
  readonly name: string
  /** Null when the table was not counted. */
  readonly rows: number | null
}

export interface Description {
  readonly pageSize: number
  readonly pageCount: number
  readonly freePages: number
  readonly tables: readonly TableRows[]
}

export interface CheckOutcome {
  /** What SQLite found wrong; empty for an intact image. */
  readonly problems: readonly string[]
  /** Tables that need a function or collation which only their application has, and why. */
  readonly unchecked: readonly string[]
  /** Rows of each table; null when problems were found or nobody asked. */
  readonly tables: Record<string, number> | null
}

export interface TargetFacts {
  readonly journalMode: string
  readonly pageSize: number
  readonly sqliteVersion: string
}

export interface ApplyOutcome {
  /**
   * The commit counter that the restore's own commit left behind. Another value later means that
   * somebody else committed after it. Null when it could not be read.
   */
  readonly commitCounter: number | null
  /** Whether it is the WAL index's counter, or the one in the file's header. */
  readonly isCounterInWalIndex: boolean
}

/** Requests by name: what is given and what is answered. */
export interface SqliteRequests {
  /** Opens the database read-only and starts a read transaction. */
  beginRead: { request: { path: string; waitMs: number }; answer: ReadFacts }
  /** Ends the transaction and closes the database, leaving no side file that was not there before. */
  endRead: { request: Record<never, never>; answer: null }
  /** Tables of the open reader, their rows counted if the database has at most `countPagesMax` pages. */
  describe: { request: { countPagesMax: number }; answer: Description }
  /** Checks an image that nobody writes, without making side files. */
  check: { request: { path: string; level: 'quick' | 'full'; countRows: boolean }; answer: CheckOutcome }
  /** Opens a copy for writing, which rolls back its hot journal, and closes it. */
  recover: { request: { path: string }; answer: null }
  /** Opens a database to restore into, and keeps it open. */
  openTarget: { request: { path: string; waitMs: number }; answer: TargetFacts }
  /** Sets the journal mode of the open target to `delete`; needs it for itself. */
  leaveWal: { request: Record<never, never>; answer: null }
  /** Writes the image at `source` into the open target as one transaction. */
  apply: { request: { source: string }; answer: ApplyOutcome }
  /** Starts a read transaction on the open target. */
  beginTargetRead: { request: Record<never, never>; answer: ReadFacts }
  endTargetRead: { request: Record<never, never>; answer: null }
  /** Copies the open target's WAL into its main file, as far as its readers allow. */
  checkpointTarget: { request: Record<never, never>; answer: null }
  /** Makes sure that what a killed process wrote into the open target's WAL without committing it never counts. */
  forgetUncommitted: { request: Record<never, never>; answer: null }
  /** Sets the open target's journal mode if nobody else has it open; answers the mode it is in. */
  settleTarget: { request: { journalMode: 'wal' | 'delete' }; answer: { journalMode: string } }
  closeTarget: { request: Record<never, never>; answer: null }
}

export type SqliteRequestName = keyof SqliteRequests

export interface SqliteCall {
  readonly id: number
  readonly name: SqliteRequestName
  readonly request: unknown
}

/** What SQLite, or the file system, said no with. */
export interface SqliteFault {
  readonly message: string
  /** SQLite's extended result code; null for an error of another kind. */
  readonly resultCode: number | null
  /** Which file it was about, when it is not the database that was asked for. */
  readonly path?: string
  /** What the operating system said, when it was a call of our own that failed. */
  readonly system?: SystemFault
}

export interface SystemFault {
  readonly code: string
  readonly errno: number | undefined
  readonly syscall: string | undefined
}

export type SqliteReply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly fault: SqliteFault }
  | { readonly id: number; readonly progress: { readonly doneBytes: number; readonly totalBytes: number } }
