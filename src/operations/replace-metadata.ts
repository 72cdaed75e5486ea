import { readFile } from 'node:fs/promises'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { editMetadata } from '../catalog/edit-metadata.ts'
import { metadataDirectory, metadataPath } from '../catalog/layout.ts'
import { readBackup } from '../catalog/list.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { Staging } from '../catalog/staging.ts'
import { renameDurably, writeNewFile } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { begin, type Context, durabilityOf } from './context.ts'

/**
 * Changes some keys of a stored backup's metadata, durably and in one step: whoever is killed here, it is the old
 * or the new. All other keys stay, known or not. The caller holds the catalog's lock. Resolves to the backup as it
 * is then; null when somebody has taken its file away.
 */
export async function replaceMetadata(
  { type, filename }: BackupInfo,
  keys: Partial<Metadata>,
  context: Context,
): Promise<BackupInfo | null> {
  const { backupDir, fileMode } = context.settings
  const path = metadataPath(backupDir, filename)
  begin(context, 'write-metadata')
  await using staging = await Staging.open(backupDir, metadataDirectory(backupDir))
  const file = staging.file('metadata.json')
  const text = await during('read', path, () => readFile(path, 'utf8'))
  await writeNewFile(file, editMetadata(text, keys), fileMode, durabilityOf(context))
  await renameDurably(file, path, durabilityOf(context))
  return await readBackup(backupDir, type, filename)
}
