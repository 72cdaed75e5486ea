import type { Encoding } from '../catalog/encodings.ts'
import type { SecretConfig } from '../config/secret.ts'

/** How new backups are stored, and what stored ones are read with. */
export interface EncodingSettings {
  readonly encoding: Encoding
  readonly zstd: ZstdSettings
  readonly encryption: EncryptionSettings
}

export interface ZstdSettings {
  /** 1 (fastest) to 19 (smallest). */
  readonly level: number
  /** How many blocks are compressed at once. */
  readonly threads: number
}

/** Secrets are references here: whoever needs one reads it then. */
export interface EncryptionSettings {
  /** Public keys, `age1…`: each can read what is stored, by itself. */
  readonly recipients: readonly string[]
  /** Instead of recipients. It both writes and reads. */
  readonly passphrase: SecretConfig | null
  readonly identities: readonly SecretConfig[]
  /** Where relative paths of secret files start. */
  readonly directory: string
}
