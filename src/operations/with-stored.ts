import { resolve } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { imageAt } from '../catalog/deleting.ts'
import { findBackup } from '../catalog/find.ts'
import { listCatalog, readBackup } from '../catalog/list.ts'
import { CatalogLock } from '../catalog/lock.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { removeLeftovers } from '../catalog/staging.ts'
import { findAtTarget } from '../catalog/target-catalog.ts'
import { BackupError } from '../errors.ts'
import type { Target } from '../storage/target.ts'
import type { PacksCollected } from './blocks-reports.ts'
import { collectAtTarget } from './collect-at-target.ts'
import { collectBlocks } from './collect-blocks.ts'
import { begin, type Context, withoutCancelling } from './context.ts'
import { deleteAtTarget } from './delete-at-target.ts'
import { deleteStored, finishDeletions } from './delete-stored.ts'
import { editAtTarget } from './edit-at-target.ts'
import { placeOf, type Wanted } from './find-stored.ts'
import { replaceMetadata } from './replace-metadata.ts'
import { catalogOf, targetSettings, withTarget } from './target-access.ts'
import { judged, judgedAll } from './trust.ts'

/** A stored backup, and what can be done with it where it is. */
export interface Stored {
  readonly backup: BackupInfo
  /** All backups that lie there, of every database or, at a target, of this one. */
  readonly others: () => Promise<readonly BackupInfo[]>
  /** Resolves to what became of the packs that it was made of; null when it was made of none. */
  readonly delete: () => Promise<PacksCollected | null>
  /** Changes keys of its metadata; resolves to the backup as it is then. Throws `BACKUP_NOT_FOUND` once it is gone. */
  readonly edit: (keys: Partial<Metadata>) => Promise<BackupInfo>
}

/**
 * Does something with the stored backup that a user means. In the backup directory that is under the catalog's lock, so
 * that nobody else makes, restores or deletes one meanwhile. Throws `BACKUP_NOT_FOUND`, also for a file outside of it.
 */
export async function withStored<T>(
  wanted: Wanted,
  context: Context,
  act: (stored: Stored) => Promise<T>,
): Promise<T> {
  const place = placeOf(wanted, context.settings)
  return place === null
    ? await withStoredHere(wanted.backup, context, act)
    : await withTarget(place, context, target => withStoredAt(target, wanted.backup, context, act))
}

/** The same in the backup directory alone. */
export async function withStoredHere<T>(
  wanted: string,
  context: Context,
  act: (stored: Stored) => Promise<T>,
): Promise<T> {
  const { backupDir, name, waitForLockMs } = context.settings
  begin(context, 'find-backup')
  const { path } = await findBackup(backupDir, name, wanted)
  const image = imageAt(resolve(backupDir), path)
  if (image === null) throw notHere(path, backupDir)
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(backupDir, { waitMs: waitForLockMs, signal: context.signal })
  begin(context, 'remove-leftovers')
  await removeLeftovers(backupDir, [])
  const backup = await readBackup(backupDir, image.type, image.filename)
  if (backup === null) throw notHere(path, backupDir)
  return await act({
    backup: judged(backup, context),
    others: async () => judgedAll(await listCatalog(backupDir, {}), context),
    async delete() {
      await finishDeletions(context)
      await deleteStored(backup, context)
      // It is gone: cancelling what follows would only say that it is not.
      return backup.encoding === 'blocks' ? await collectBlocks(withoutCancelling(context)) : null
    },
    edit: async keys => judged(stillThere(await replaceMetadata(backup, keys, context), backup), context),
  })
}

async function withStoredAt<T>(
  target: Target,
  wanted: string,
  context: Context,
  act: (stored: Stored) => Promise<T>,
): Promise<T> {
  const { settings, signal } = context
  begin(context, 'find-backup')
  const backup = await findAtTarget(target, settings.name, wanted, { signal, cache: null })
  return await act({
    backup: judged(backup, context),
    others: async () =>
      judgedAll((await catalogOf(target, { database: settings.name }, context)).backups, context),
    async delete() {
      if (targetSettings(settings, target.name).isAppendOnly) throw appendOnly(target.name, backup)
      await deleteAtTarget(target, backup, context)
      if (backup.encoding !== 'blocks') return null
      // What lives on in part is left to a cleanup: who deletes one backup does not wait for packs to be fetched.
      return await collectAtTarget(target, { isShortening: false }, withoutCancelling(context))
    },
    edit: async keys =>
      judged(stillThere(await editAtTarget(target, backup, () => keys, context), backup), context),
  })
}

function stillThere(edited: BackupInfo | null, { path }: BackupInfo): BackupInfo {
  if (edited !== null) return edited
  throw new BackupError('BACKUP_NOT_FOUND', `The backup was deleted or replaced meanwhile: ${path}`, {
    hint: 'See what there is now with: chame-backup list.',
    path,
  })
}

function notHere(path: string, backupDir: string): BackupError {
  return new BackupError('BACKUP_NOT_FOUND', `Not a backup in ${backupDir}: ${path}`, {
    hint: 'See what there is with: chame-backup list. For another backup directory use --backup-dir (backupDir).',
    path,
  })
}

/** Said before anything is marked there. */
function appendOnly(target: string, { path }: BackupInfo): BackupError {
  return new BackupError(
    'OBJECT_LOCKED',
    `Not deleted, because the target ${target} is append-only: ${path}`,
    {
      hint: 'Delete it there by other means, or take appendOnly out of the configuration.',
    },
  )
}
