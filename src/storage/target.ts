/** Where backups are stored beside the backup directory: one interface, one file a kind. */

/** An object as a target lists it. */
export interface StoredObject {
  /** Its name below the target's root, with `/` between its parts: `daily/chame_backup_daily_….db.zst`. */
  readonly key: string
  readonly sizeBytes: number
  /** UTC, ISO 8601; null where the target does not say. */
  readonly modified: string | null
}

/** What is put under a key. */
export interface Content {
  /** Null where only the end tells, as when it is encoded on its way. */
  readonly sizeBytes: number | null
  /** SHA-256, hex; null where only the end tells. A target that can have it checked on the other side does. */
  readonly sha256: string | null
  /** The bytes from an offset on. What can only be read once throws when it is asked a second time. */
  open(from: number): AsyncIterable<Uint8Array>
}

export interface TransferOptions {
  readonly signal: AbortSignal
  /** Called now and then with the bytes that have arrived so far. */
  readonly onBytes?: (doneBytes: number) => void
}

export interface PutOptions extends TransferOptions {
  /**
   * Whether what has the key must be replaced without a moment in which nothing has it: where that cannot be,
   * `TARGET_REFUSED` is thrown and what is there stays. Default: then there is such a moment
   */
  readonly inOneStep?: boolean
}

/** The part of an object that is wanted, in bytes. */
interface ByteRange {
  readonly from: number
  readonly length: number
}

export interface GetOptions extends TransferOptions {
  /** Default: all of it */
  readonly range?: ByteRange
}

/**
 * Somewhere that keeps objects under keys. Every failure is a `BackupError` that names the target, never one of a
 * library, and holds no secret. What may pass is tried again inside; what is thrown is final for this call.
 */
export interface Target extends AsyncDisposable {
  readonly name: string
  readonly kind: TargetKind
  /** Puts an object, whole or not at all: a reader never sees half of it. Replaces what has the key. */
  put(key: string, content: Content, options: PutOptions): Promise<void>
  /** Puts a small object unless the key is taken; false when it is. Safe against others where the target is. */
  putIfAbsent(key: string, bytes: Uint8Array, options: TransferOptions): Promise<boolean>
  /** The bytes of an object, or of a part of it. Throws `OBJECT_NOT_FOUND` when nothing has the key. */
  get(key: string, options: GetOptions): AsyncIterable<Uint8Array>
  /** Null when nothing has the key. */
  head(key: string, options: Pick<TransferOptions, 'signal'>): Promise<StoredObject | null>
  /** Every object whose key begins with `prefix`, in any order. Half-written ones are not listed. */
  list(prefix: string, options: Pick<TransferOptions, 'signal'>): AsyncIterable<StoredObject>
  /** What is not there is fine. */
  delete(key: string, options: Pick<TransferOptions, 'signal'>): Promise<void>
  /** Bytes that may still be written; null where nobody can tell. */
  freeBytes(options: Pick<TransferOptions, 'signal'>): Promise<number | null>
}

export type TargetKind = 'local' | 's3' | 'sftp' | 'rclone'
