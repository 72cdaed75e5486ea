import type { Encoding } from '../catalog/encodings.ts'
import { type Encoder, isStream, openEncoder } from '../encoding/encoding.ts'
import type { EncryptionSettings } from '../encoding/settings.ts'
import { BackupError } from '../errors.ts'
import type { Context } from './context.ts'

/** Stores an image page by page in packs that all backups share: see src/blocks. */
interface BlocksEncoder {
  readonly encoding: 'blocks'
}

export type BackupEncoder = Encoder | BlocksEncoder

const BLOCKS: BlocksEncoder = { encoding: 'blocks' }

/**
 * What encodes one new backup; the configuration says how, unless `encoding` does. Throws `CONFIG_INVALID` when it cannot
 * be encrypted as the configuration has it.
 */
export async function encoderFor(
  encoding: Encoding | undefined,
  { settings }: Context,
): Promise<BackupEncoder> {
  const { storing } = settings
  const wanted = encoding ?? storing.encoding
  if (isStream(wanted)) return await openEncoder(wanted, storing)
  requireUnencrypted(storing.encryption)
  return BLOCKS
}

/** Whoever has named keys to encrypt to expects that what is stored is encrypted. */
function requireUnencrypted({ recipients, passphrase }: EncryptionSettings): void {
  if (recipients.length === 0 && passphrase === null) return
  throw new BackupError('CONFIG_INVALID', 'Backups of pages (blocks) cannot be encrypted yet', {
    hint: 'Store them as zstd+age, or take encryption.recipients and encryption.passphrase out of the configuration.',
  })
}
