/** Bringing back the metadata of a backup in the backup directory whose file is there, from a target that has it. */
import { stat } from 'node:fs/promises'
import type { BackupInfo } from '../../catalog/backup-info.ts'
import { editMetadata } from '../../catalog/edit-metadata.ts'
import { isTrusted } from '../../catalog/good-backup.ts'
import { metadataDirectory, metadataPath } from '../../catalog/layout.ts'
import { listCatalog } from '../../catalog/list.ts'
import { CatalogLock } from '../../catalog/lock.ts'
import { parseFilename } from '../../catalog/names.ts'
import { metadataFieldsOf, readMetadata } from '../../catalog/read-metadata.ts'
import { Staging } from '../../catalog/staging.ts'
import { METADATA_BYTES_MAX } from '../../catalog/target-catalog.ts'
import { metadataKey } from '../../catalog/target-keys.ts'
import { BackupError, toFailure } from '../../errors.ts'
import { hashFile } from '../../snapshot/hash.ts'
import { RawFile } from '../../snapshot/source-files.ts'
import { makeDirectory, renameDurably, writeNewFile } from '../../storage/durable.ts'
import { unlessMissing } from '../../storage/io-errors.ts'
import { readObject } from '../../storage/read-object.ts'
import { begin, type Context, durabilityOf } from '../context.ts'
import { withTarget } from '../target-access.ts'
import { judged } from '../trust.ts'
import { OF_HERE } from './good-file.ts'

/** Backups of this database whose files are there, and of which nobody knows what they should be. */
export async function findUndescribed({ settings }: Context): Promise<BackupInfo[]> {
  const { backupDir, name } = settings
  const listed = await listCatalog(backupDir, { database: name })
  return listed.filter(
    ({ metadata, filename }) => metadata === null && parseFilename(filename)?.database === name,
  )
}

/** Metadata as a target has it. */
interface Found {
  readonly target: string
  readonly text: string
}

/**
 * Takes the metadata of that name from the first target where it says of the file here just what that is, by its size and
 * its SHA-256; one that is signed by a trusted key first. Resolves to that target; null, and nothing was done, where there
 * is none.
 */
export async function bringBackMetadata(
  backup: BackupInfo,
  targets: readonly string[],
  context: Context,
): Promise<string | null> {
  const found = await findMetadata(backup, targets, context)
  if (found === null) return null
  const { settings, signal } = context
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(settings.backupDir, { waitMs: settings.waitForLockMs, signal })
  const path = metadataPath(settings.backupDir, backup.filename)
  // Somebody else was faster, or has deleted it.
  const isStill = (await readMetadata(path)).metadata === null && (await isAsListed(backup))
  if (isStill) await write(path, found.text, context)
  return isStill ? found.target : null
}

async function findMetadata(
  backup: BackupInfo,
  targets: readonly string[],
  context: Context,
): Promise<Found | null> {
  let checksum: string | null = null
  let unsigned: Found | null = null
  for (const target of targets) {
    const text = await readThere(backup, target, context)
    const { metadata } = text === null ? { metadata: null } : await metadataFieldsOf(text)
    if (text === null || metadata === null) continue
    const isSame = metadata.backup_type === backup.type && metadata.file_size === backup.size
    if (!isSame) continue
    checksum ??= await checksumOf(backup, context)
    if (metadata.checksum !== checksum) continue
    const { signature } = judged({ ...backup, metadata }, context)
    if (isTrusted({ signature })) return { target, text }
    if (signature !== 'wrong') unsigned ??= { target, text }
  }
  return unsigned
}

/** Null where the target has none, or cannot be asked: then another one may have it. */
async function readThere({ filename }: BackupInfo, name: string, context: Context): Promise<string | null> {
  const { signal } = context
  try {
    const bytes = await withTarget(name, context, target =>
      readObject(target, metadataKey(filename), { signal, bytesMax: METADATA_BYTES_MAX }),
    )
    return Buffer.from(bytes).toString('utf8')
  } catch (error) {
    if (OF_HERE.has(toFailure(error).code)) throw error
    return null
  }
}

async function checksumOf({ path }: BackupInfo, { signal }: Context): Promise<string> {
  using file = new RawFile(path)
  return await hashFile(file.fd, file.size, path, { signal })
}

async function isAsListed({ path, size, created }: BackupInfo): Promise<boolean> {
  const stats = await unlessMissing(path, () => stat(path))
  // Without metadata it was listed with the time of its last change.
  return stats !== null && stats.size === size && stats.mtime.toISOString() === created
}

/** That a copy was found damaged is said of the one at the target. What targets have, the next sync notes. */
async function write(path: string, text: string, context: Context): Promise<void> {
  const { backupDir, fileMode, directoryMode } = context.settings
  begin(context, 'write-metadata')
  const directory = metadataDirectory(backupDir)
  await makeDirectory(directory, directoryMode, durabilityOf(context))
  await using staging = await Staging.open(backupDir, directory)
  const file = staging.file('metadata.json')
  const described = editMetadata(text, {
    damaged_at: undefined,
    damaged_as_stored: undefined,
    copies: undefined,
  })
  await writeNewFile(file, described, fileMode, durabilityOf(context))
  await renameDurably(file, path, durabilityOf(context))
}

export function undescribed({ path, metadataProblem }: BackupInfo): BackupError {
  return new BackupError(
    'METADATA_INVALID',
    metadataProblem === null
      ? `Without metadata nobody knows what the backup should be, and no target has it for this file: ${path}`
      : `The backup's metadata cannot be read (${metadataProblem}), and no target has it for this file: ${path}`,
    {
      hint: 'Restore the backup from a target, if one has it: chame-backup list --target <name>.',
      path,
    },
  )
}
