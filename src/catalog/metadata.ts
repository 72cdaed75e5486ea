import type { Encoding } from './encodings.ts'

/**
 * The metadata of one backup, as its JSON file holds it. The first seven keys have exactly these names and
 * forms since the first version.
 */
export interface Metadata {
  /** Local time in the configured time zone, "2025-06-27T14:30:22". */
  timestamp: string
  backup_type: string
  /** `PRAGMA user_version`, as a string. */
  database_version: string
  /** Bytes of the stored file. */
  file_size: number
  /** SHA-256 of the stored file, hex. */
  checksum: string
  description: string
  created_by: string
  /** Version of this format. Files of the system before this one have no such key. */
  schema?: 1 | undefined
  /** UTC, ISO 8601 with milliseconds: the sort key. */
  created_at?: string | undefined
  /** Name of the database. */
  database?: string | undefined
  /** Bytes of the image before encoding. */
  image_size?: number | undefined
  /** SHA-256 of the image before encoding, hex. */
  image_checksum?: string | undefined
  page_size?: number | undefined
  /** Bytes that the store of packs grew by when it was made, the stored file included; absent in other encodings. */
  added_bytes?: number | undefined
  encoding?: Encoding | undefined
  /** Of a backup of pages, whether its packs are encrypted; absent when they are not, and in other encodings. */
  encrypted?: true | undefined
  /** While a conversion is under way: file name of the same backup in its earlier encoding, which is to go. */
  converted_from?: string | undefined
  journal_mode?: string | undefined
  sqlite_version?: string | undefined
  /** Rows of each table, counted in the stored image; absent when it was not checked. */
  tables?: Record<string, number> | undefined
  /** How deep the stored image was checked. */
  check?: 'none' | 'quick' | 'full' | undefined
  /** Tables that the check had to leave out, and why: they need a function or collation of their application. */
  unchecked?: string[] | undefined
  /** When a check last passed; null when there was none, or the last one found damage. */
  verified_at?: string | null | undefined
  /** When the last check found damage; absent while none did. */
  damaged_at?: string | undefined
  /** Whether that is in the image as it was stored: every byte is what was written, so that no copy is better. */
  damaged_as_stored?: true | undefined
  /** How long it took to make it, up to the metadata. */
  duration_ms?: number | undefined
  /** Said by somebody who wants it kept: nothing deletes it. */
  pinned?: Pin | undefined
  /** How the last drill of this backup went; absent when there was none. */
  last_drill?: LastDrill | undefined
  /**
   * What targets have of it, by their names; only in the backup directory. Null: it was deleted there on purpose, and is
   * not copied there again. What a target lists is the truth, this what was last known of it.
   */
  copies?: Record<string, StoredCopy | null> | undefined
  /** Of what this says that the backup is: see docs/signing.md. Absent where nobody signed it. */
  signature?: Signature | undefined
}

export interface Signature {
  /** The public key that it is by, in Base64. */
  readonly by: string
  /** Base64. */
  readonly value: string
}

/** A copy of a backup at a target, as it was last seen there. */
export interface StoredCopy {
  /** UTC, ISO 8601. */
  readonly at: string
  /** Bytes of the stored file. */
  readonly size: number
  /** When it was last read there and found intact; absent while it has not been. UTC, ISO 8601. */
  readonly verified_at?: string | undefined
  /** When it was found damaged there; absent while it is not known to be. UTC, ISO 8601. */
  readonly damaged_at?: string | undefined
}

export interface Pin {
  readonly reason: string
  readonly by: string
  /** UTC, ISO 8601. */
  readonly at: string
}

export interface LastDrill {
  /** UTC, ISO 8601. */
  readonly at: string
  readonly passed: boolean
  readonly duration_ms: number
}

/** Whether the last check found damage that is in every copy. */
export function isDamagedAsStored({
  damaged_at,
  damaged_as_stored,
}: Pick<Metadata, 'damaged_at' | 'damaged_as_stored'>): boolean {
  return damaged_at !== undefined && damaged_as_stored === true
}

export function printMetadata(metadata: Metadata): string {
  return `${JSON.stringify(metadata, null, 2)}\n`
}
