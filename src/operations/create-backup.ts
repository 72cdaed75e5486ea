import { dirname } from 'node:path'
import { findDatabase } from '../snapshot/source-files.ts'
import { CatalogLock } from '../catalog/lock.ts'
import { metadataDirectory, typeDirectory } from '../catalog/layout.ts'
import { readBackup } from '../catalog/list.ts'
import { removeLeftovers } from '../catalog/staging.ts'
import { BackupError } from '../errors.ts'
import { openSigner } from '../signing/open-signer.ts'
import { makeDirectory } from '../storage/durable.ts'
import { begin, type Context, durabilityOf } from './context.ts'
import { copyToTargets } from './copy-to-targets.ts'
import { encoderFor } from './encoder-for.ts'
import type { BackupCreated, CreateBackupRequest } from './reports.ts'
import type { StoreOrder } from './stage-backup.ts'
import { type BackupStored, storeBackup } from './store-backup.ts'
import { storeOffSite } from './store-off-site.ts'

/**
 * Makes a backup: one consistent image of the live database, checked and stored durably with its metadata.
 * A backup exists when its metadata does; a failure, a kill or a power cut before that leaves nothing that
 * is ever restored, and the next run removes it. Then it is copied to the targets; one that fails does not make the
 * backup fail.
 */
export async function createBackup(request: CreateBackupRequest, context: Context): Promise<BackupCreated> {
  const started = performance.now()
  const { settings } = context
  const type = request.backupType ?? 'manual'
  requireKnownType(type, settings.backupTypes)
  const order: StoreOrder = {
    source: settings.path,
    type,
    description: request.description ?? '',
    createdBy: request.createdBy ?? settings.createdBy,
    check: request.check ?? settings.check,
    keepDamaged: request.keepDamaged ?? settings.keepDamaged,
    encoder: await encoderFor(request.encoding, context),
    signer: await openSigner(settings.signing),
  }
  const { targets, ...stored } = settings.keepLocal
    ? await storeAndCopy(order, request, context)
    : await storeOffSite(order, { copies: request.copy !== false }, context)
  return { ...stored, targets, durationMs: Math.round(performance.now() - started) }
}

async function storeAndCopy(
  order: StoreOrder,
  request: CreateBackupRequest,
  context: Context,
): Promise<BackupCreated> {
  const { settings } = context
  const stored = await storeLocked(order, context)
  const names = request.copy === false ? [] : Object.keys(settings.targets)
  const backup = names.length === 0 ? null : await readBackup(settings.backupDir, order.type, stored.filename)
  // After the lock: a target that is slow or away keeps nobody else waiting.
  const targets = backup === null ? [] : await copyToTargets(backup, names, context)
  return { ...stored, targets }
}

async function storeLocked(order: StoreOrder, context: Context): Promise<BackupStored> {
  const { settings, signal } = context
  begin(context, 'find-database')
  const database = await findDatabase(settings.path)
  begin(context, 'prepare-directories')
  await prepareDirectories(order.type, context)
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(settings.backupDir, { waitMs: settings.waitForLockMs, signal })
  begin(context, 'remove-leftovers')
  await removeLeftovers(settings.backupDir, [dirname(database)])
  // Awaited here: the lock is released when this function ends.
  return await storeBackup(order, context)
}

/** Makes the backup directory, and in it those of the type and of the metadata. */
export async function prepareDirectories(type: string, context: Context): Promise<void> {
  const { backupDir, directoryMode } = context.settings
  for (const directory of [backupDir, typeDirectory(backupDir, type), metadataDirectory(backupDir)]) {
    await makeDirectory(directory, directoryMode, durabilityOf(context))
  }
}

export function requireKnownType(type: string, known: readonly string[]): void {
  if (known.includes(type)) return
  throw new BackupError('INVALID_ARGUMENT', `Unknown backup type: ${JSON.stringify(type)}`, {
    hint: `Known types: ${known.join(', ')}. Add others as backupTypes in the configuration.`,
  })
}
