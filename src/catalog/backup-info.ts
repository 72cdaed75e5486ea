import type { Encoding } from './encodings.ts'
import type { Metadata, Pin } from './metadata.ts'

export type { Encoding } from './encodings.ts'

/**
 * How deep a stored image is checked. `none`: not at all; `quick`: read back, checksum and
 * `PRAGMA quick_check`; `full`: the same with `PRAGMA integrity_check`.
 */
export type CheckLevel = 'none' | 'quick' | 'full'

/**
 * What the signature of a stored backup is worth. `valid`: it is by a trusted key, and of this backup. `missing`: there is
 * none. `unknown-key`: it is by a key that is not trusted. `wrong`: it names a trusted key, but is not of this backup.
 */
export type SignatureState = 'valid' | 'missing' | 'unknown-key' | 'wrong'

export const CHECK_LEVELS: readonly CheckLevel[] = ['none', 'quick', 'full']

/** One backup as the catalog lists it. Fields that only metadata knows are null without it. */
export interface BackupInfo {
  readonly filename: string
  /** The target that it is at; null: the backup directory. */
  readonly target: string | null
  /** Absolute path of the stored file; at a target its name and what is stored there: `<target>:<type>/<filename>`. */
  readonly path: string
  readonly type: string
  /** Name of the database that it was made of; null when the file name does not say. */
  readonly database: string | null
  /** UTC, ISO 8601. Without metadata: when the file was last modified. */
  readonly created: string
  /** Bytes of the stored file as it is now. */
  readonly size: number
  readonly checksum: string | null
  readonly description: string | null
  readonly createdBy: string | null
  readonly databaseVersion: string | null
  readonly encoding: Encoding
  /** Who wants it kept, and why; null when nobody said so. */
  readonly pinned: Pin | null
  /** Names of the targets that are known to have a copy of it; of a backup at a target none. One that was found damaged is none. */
  readonly copies: readonly string[]
  /** Null: the configuration trusts no keys, so that nobody looked. */
  readonly signature: SignatureState | null
  /** Whether the metadata is there and can be read. */
  readonly metadataState: 'ok' | 'missing' | 'invalid'
  /** What is wrong with the metadata, when it is `invalid`. */
  readonly metadataProblem: string | null
  readonly metadata: Metadata | null
}
