import type { SqliteProcess } from '../sqlite/sqlite-process.ts'
import type { Image } from './image.ts'

/**
 * How an image was read. `wal`: under a read transaction, with the WAL's pages laid over the main file.
 * `rollback`: copied without a lock, then corrected under a read lock. `recovered`: a hot journal was
 * rolled back in a copy. `quiescent`: without SQLite's locks, from files that did not change meanwhile.
 */
export type SnapshotWay = 'wal' | 'rollback' | 'recovered' | 'quiescent'

/** An image of a database as of one commit. */
export interface TakenImage {
  /** A file of ours that is not flushed yet. */
  readonly file: string
  /** Whether it is in the file; if not, {@link TakeOptions.readPinned} was given it instead. */
  readonly isCopied: boolean
  readonly sizeBytes: number
  /** SHA-256 of the image, hex. */
  readonly checksum: string
  readonly way: SnapshotWay
  /** 0 for an empty database. */
  readonly pageSize: number
  readonly journalMode: string
  readonly userVersion: number
  readonly sqliteVersion: string
}

export interface TakeOptions {
  readonly sqlite: SqliteProcess
  readonly signal: AbortSignal
  /** How long to wait for a database that another process holds exclusively. */
  readonly waitMs: number
  /** A file that does not exist yet, in a directory of ours. */
  readonly file: string
  /**
   * Takes the image in place of a copy, as long as a read transaction holds it still and keeps nobody waiting. Where
   * that cannot be had the image is copied all the same. Called again when another try is needed: what it made of the
   * try before is void then.
   */
  readonly readPinned?: (image: Image) => Promise<void>
  /** Called once the image's size is known and before bytes are copied; throws when there is no room. */
  readonly onSize: (sizeBytes: number) => Promise<void>
  /** Called once `file` holds the whole image, while its checksum may still be on its way: time to flush it. */
  readonly onCopied?: (file: string) => void
  readonly onBytes: (doneBytes: number, totalBytes: number) => void
}
