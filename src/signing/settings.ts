import type { SecretConfig } from '../config/secret.ts'

/** With what new backups are signed, and whose are taken. */
export interface SigningSettings {
  /** Where the key is: whoever signs reads it then. Null: nothing is signed. */
  readonly key: SecretConfig | null
  /** Public keys, as `generateSigningKey` shows them. None: nobody looks at signatures. */
  readonly trusted: readonly string[]
  /** Where a relative path of the key starts. */
  readonly directory: string
}
