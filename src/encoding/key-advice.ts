/** What should be known about the keys that a configuration names. Pure. */
import type { EncodingSettings, EncryptionSettings } from './settings.ts'

/** Whoever has named keys to encrypt to expects that what is stored is encrypted. */
export function namesSomebody({ recipients, passphrase }: EncryptionSettings): boolean {
  return recipients.length > 0 || passphrase !== null
}

/** Whether new backups are encrypted. */
export function isEncrypting({
  encoding,
  encryption,
}: Pick<EncodingSettings, 'encoding' | 'encryption'>): boolean {
  return encoding === 'zstd+age' || (encoding === 'blocks' && namesSomebody(encryption))
}

/** @returns sentences, each with what to do; none where nothing is to be said */
export function adviseOnKeys(storing: Pick<EncodingSettings, 'encoding' | 'encryption'>): string[] {
  const { encoding, encryption } = storing
  if (!isEncrypting(storing)) {
    return namesSomebody(encryption)
      ? [
          `The configuration names keys, but new backups are stored as ${encoding}, which is not encrypted: set encoding to zstd+age or blocks.`,
        ]
      : []
  }
  if (new Set(encryption.recipients).size !== 1) return []
  return [
    'Backups are encrypted to a single key: whoever loses it loses all of them. Name a second one in encryption.recipients, and keep its identity elsewhere.',
  ]
}
