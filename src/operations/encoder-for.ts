import type { Encoding } from '../catalog/encodings.ts'
import type { AgeRecipients } from '../encoding/age/header.ts'
import { type Encoder, isStream, openEncoder, recipientsOf } from '../encoding/encoding.ts'
import { namesSomebody } from '../encoding/key-advice.ts'
import type { Context } from './context.ts'

/** Stores an image page by page in packs that all backups share: see src/blocks. */
export interface BlocksEncoder {
  readonly encoding: 'blocks'
  /** Whom packs are encrypted to; null: nobody, and they are not. */
  readonly to: AgeRecipients | null
}

export type BackupEncoder = Encoder | BlocksEncoder

/** Whether it makes backups of pages that are encrypted. */
export function isSealing(encoder: BackupEncoder): boolean {
  return encoder.encoding === 'blocks' && encoder.to !== null
}

/**
 * What encodes one new backup; the configuration says how, unless `encoding` does. Throws `CONFIG_INVALID` when it cannot
 * be encrypted as the configuration has it, and `KEY_REQUIRED` when the passphrase cannot be read.
 */
export async function encoderFor(
  encoding: Encoding | undefined,
  { settings }: Context,
): Promise<BackupEncoder> {
  const { storing } = settings
  const wanted = encoding ?? storing.encoding
  if (isStream(wanted)) return await openEncoder(wanted, storing)
  const { encryption } = storing
  return { encoding: 'blocks', to: namesSomebody(encryption) ? await recipientsOf(encryption) : null }
}

/** The same for a backup that is a file of its own. */
export async function encoderOfOneFile(context: Context): Promise<BackupEncoder> {
  return await ofOneFile(await encoderFor(undefined, context), context)
}

/**
 * What encodes in its place what is to be readable at once: encrypted pages lie in packs of other backups too, which nobody
 * here may have a key to. Instead of them there is an encrypted file of its own.
 */
export async function ofOneFile(encoder: BackupEncoder, context: Context): Promise<BackupEncoder> {
  return isSealing(encoder) ? await encoderFor('zstd+age', context) : encoder
}
