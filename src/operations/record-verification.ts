/** Noting in a backup's metadata how its last check went. */
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { metadataDirectory, metadataPath, typeDirectory } from '../catalog/layout.ts'
import { CatalogLock } from '../catalog/lock.ts'
import { type Metadata, printMetadata } from '../catalog/metadata.ts'
import { Staging } from '../catalog/staging.ts'
import { syncDirectory, writeNewFile } from '../storage/durable.ts'
import { during, isNotThere } from '../storage/io-errors.ts'
import { begin, type Context, durabilityOf } from './context.ts'

/**
 * Replaces the metadata, durably and as a whole, by one that says when the check passed or found damage; all
 * else in it stays, also what this version does not know. Resolves to whether that was done: a backup outside
 * this backup directory, or without metadata, or one that was deleted or changed meanwhile, is left alone.
 */
export async function recordVerification(
  backup: BackupInfo,
  { isIntact }: { readonly isIntact: boolean },
  context: Context,
): Promise<boolean> {
  const { settings, signal } = context
  const { backupDir, fileMode } = settings
  const isOurs = backup.path === join(typeDirectory(backupDir, backup.type), backup.filename)
  if (!isOurs || backup.metadataState !== 'ok') return false
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(backupDir, { waitMs: settings.waitForLockMs, signal })
  const path = metadataPath(backupDir, backup.filename)
  const before = await readBefore(path)
  // The name may be another backup's by now; what was checked is the one with this checksum.
  if (before === null || before.checksum !== backup.checksum) return false
  begin(context, 'write-metadata')
  const durability = durabilityOf(context)
  await using staging = await Staging.open(backupDir, metadataDirectory(backupDir))
  const file = staging.file('metadata.json')
  await writeNewFile(file, printMetadata(noted(before, isIntact, context.now())), fileMode, durability)
  await during('replace', path, () => rename(file, path))
  await syncDirectory(metadataDirectory(backupDir), durability)
  return true
}

function noted(before: Metadata, isIntact: boolean, at: Date): Metadata {
  const { damaged_at: _, ...rest } = before
  return isIntact
    ? { ...rest, verified_at: at.toISOString() }
    : { ...rest, verified_at: null, damaged_at: at.toISOString() }
}

async function readBefore(path: string): Promise<Metadata | null> {
  const text = await during('read', path, async () => {
    try {
      return await readFile(path, 'utf8')
    } catch (error) {
      if (isNotThere(error)) return null
      throw error
    }
  })
  if (text === null) return null
  const { parseMetadata } = await import('../catalog/parse-metadata.ts')
  const parsed = parseMetadata(text)
  return 'metadata' in parsed ? parsed.metadata : null
}
