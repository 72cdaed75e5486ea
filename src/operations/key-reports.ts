/** What is asked about keys, and what is answered. */
import type { Encoding } from '../catalog/encodings.ts'
import type { VerifyProblem } from './reports.ts'

export interface CheckKeysRequest {
  /** Path of an identity file: then only what is in it is tried. Default: all keys of the configuration. */
  readonly identity?: string
  /** Path of a file that holds a passphrase and nothing else; the same goes for it. */
  readonly passphraseFile?: string
  /** The target whose backups they are tried on. Default: the backup directory; where nothing is kept there, the first target. */
  readonly target?: string
}

/** A key that was tried. Nothing that is secret. */
export interface TriedKey {
  readonly kind: 'identity' | 'passphrase'
  /** The public key of an identity, `age1…`; null for a passphrase. */
  readonly recipient: string | null
  /** How many of the encrypted backups it opens by itself. */
  readonly opens: number
}

export interface EncryptedBackup {
  readonly filename: string
  readonly path: string
  /** Null: it lies in the backup directory. */
  readonly target: string | null
  /** UTC, ISO 8601. */
  readonly created: string
  readonly encoding: Encoding
  /** Which of `keys` open it, each by itself, by their index; none: it cannot be read with them. */
  readonly openedBy: readonly number[]
  /** Why it cannot be told whether a key opens it; null otherwise. */
  readonly problem: string | null
}

/** What came of decrypting a backup to its end. */
export interface KeyProof {
  readonly filename: string
  /** Bytes of the image; 0 where nothing could be decoded. */
  readonly imageBytes: number
  /** What the checksums and SQLite's full check of the decrypted database found. */
  readonly problems: readonly VerifyProblem[]
  readonly durationMs: number
}

export interface KeysChecked {
  readonly success: true
  /**
   * `proven`: the newest encrypted backup was decrypted and is intact, and each of the others opens, too. `incomplete`: the
   * newest was, and some others do not. `failed`: the newest was not.
   */
  readonly status: 'proven' | 'incomplete' | 'failed'
  readonly keys: readonly TriedKey[]
  /** The recipients of the configuration, and whether the newest encrypted backup was opened with the identity of each. */
  readonly recipients: readonly { readonly recipient: string; readonly isProven: boolean }[]
  /** The encrypted backup that this is about: the newest that was not made by a restore, if there is one. */
  readonly newest: EncryptedBackup
  /** The encrypted ones, newest first. */
  readonly backups: readonly EncryptedBackup[]
  /** How many backups are not encrypted: whoever has them can read them. */
  readonly unencrypted: number
  /** Of the newest encrypted backup; null when no key opens it. */
  readonly proof: KeyProof | null
  /** What should be known about the keys of the configuration. */
  readonly warnings: readonly string[]
  readonly durationMs: number
}

export interface RecoverySheetRequest {
  /** Where it is written, for its owner only. Nothing is overwritten. Default: nowhere. */
  readonly output?: string
  /** Path of an identity file that is to be on it. Default: no secret is. */
  readonly identity?: string
  /** Path of a file with a passphrase that is to be on it. */
  readonly passphraseFile?: string
}

/** A page for whoever has to restore when this machine is gone. */
export interface RecoverySheet {
  readonly success: true
  /** Absolute path; null when it was written nowhere. */
  readonly path: string | null
  /** The page; null when it was written, so that what is secret is nowhere else. */
  readonly text: string | null
  readonly hasSecret: boolean
  /** The databases that it is about. */
  readonly databases: readonly string[]
  /** What should be mended before the page is of much use. */
  readonly warnings: readonly string[]
}
