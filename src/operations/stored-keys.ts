/** What a stored backup is opened with. */
import { type OpenKeyFile, openKeyFilesWith, openNothing } from '../blocks/key-files.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { AgeKeys } from '../encoding/age/header.ts'
import { type Decoder, isStream, openDecoder } from '../encoding/encoding.ts'
import { hasKeys, NO_KEYS, readKeys } from '../encoding/keys.ts'
import { BackupError } from '../errors.ts'
import type { Context } from './context.ts'
import { keyRequired } from './key-failures.ts'
import { isSealed } from './sealed-blocks.ts'

export interface KeyOrder {
  /** Path of an identity file, beside those of the configuration. */
  readonly identity?: string | undefined
  /** Keys that were read already: then no others are. */
  readonly keys?: AgeKeys | undefined
}

/** Opens the keys of a backup's packs. Throws `KEY_REQUIRED` where these are encrypted and there is nothing to open them with. */
export async function keyFilesOpener(
  backup: BackupInfo,
  order: KeyOrder,
  context: Context,
): Promise<OpenKeyFile> {
  if (!(await isSealed(backup, context))) return openNothing
  const keys = await keysFor(order, context)
  if (!hasKeys(keys)) throw keyRequired(backup)
  return openKeyFilesWith(async () => keys)
}

/** What decodes a stored backup. Throws `KEY_REQUIRED`, or `BACKUP_UNSUPPORTED` for an encoding that is no stream. */
export async function decoderOf(backup: BackupInfo, order: KeyOrder, context: Context): Promise<Decoder> {
  const { encoding, path } = backup
  if (!isStream(encoding)) {
    throw new BackupError(
      'BACKUP_UNSUPPORTED',
      `This version cannot read the encoding ${encoding}: ${path}`,
      {
        hint: 'Use the version that made it, or see docs/formats.md.',
        path,
      },
    )
  }
  const keys = encoding === 'zstd+age' ? await keysFor(order, context) : NO_KEYS
  if (encoding === 'zstd+age' && !hasKeys(keys)) throw keyRequired(backup)
  return openDecoder(encoding, keys)
}

/** Whether there is anything to decrypt a backup with. Throws `KEY_REQUIRED` for a key that cannot be read. */
export async function canOpen(
  backup: BackupInfo,
  identity: string | undefined,
  context: Context,
): Promise<boolean> {
  return !(await isEncrypted(backup, context)) || hasKeys(await keysFor({ identity }, context))
}

async function isEncrypted(backup: BackupInfo, context: Context): Promise<boolean> {
  if (backup.encoding === 'blocks') return await isSealed(backup, context)
  return backup.encoding === 'zstd+age'
}

async function keysFor({ identity, keys }: KeyOrder, { settings }: Context): Promise<AgeKeys> {
  return keys ?? (await readKeys(settings.storing.encryption, identity))
}
