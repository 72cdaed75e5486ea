import { basename } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { knownCopies } from '../catalog/backup-of.ts'
import { findBackup } from '../catalog/find.ts'
import { metadataPath } from '../catalog/layout.ts'
import { isBackupName } from '../catalog/names.ts'
import { parseImageKey } from '../catalog/target-keys.ts'
import { findAtTarget } from '../catalog/target-catalog.ts'
import { readMetadata } from '../catalog/read-metadata.ts'
import type { Settings } from '../config/settings.ts'
import { BackupError } from '../errors.ts'
import type { Context } from './context.ts'
import { primaryTarget, withTarget } from './target-access.ts'
import { judged } from './trust.ts'

/** A stored backup, as a user names it. */
export interface Wanted {
  /** Its path, its file name, or `latest`; at a target also what `BackupInfo.path` says. */
  readonly backup: string
  /** The target that it is at. Default: the backup directory; where nothing is kept there, the first target. */
  readonly target?: string | undefined
}

/** Finds the backup that a user means, and judges its signature. Throws `BACKUP_NOT_FOUND`, and says which target may have it. */
export async function findStored(wanted: Wanted, context: Context): Promise<BackupInfo> {
  return judged(await find(wanted, context), context)
}

async function find(wanted: Wanted, context: Context): Promise<BackupInfo> {
  const { backupDir, name, keepLocal } = context.settings
  const place = placeOf(wanted, context.settings)
  if (place === null) return await findHere(wanted.backup, context)
  try {
    return await withTarget(place, context, target =>
      findAtTarget(target, name, wanted.backup, { signal: context.signal, cache: null }),
    )
  } catch (error) {
    // What a restore has overwritten is kept here in any case.
    const isHereToo =
      wanted.target === undefined && !keepLocal && isNotFound(error) && wanted.backup !== 'latest'
    if (!isHereToo) throw error
    return await findBackup(backupDir, name, wanted.backup).catch(() => Promise.reject(error as Error))
  }
}

/** The target where a backup is to be looked for; null: the backup directory. */
export function placeOf({ backup, target }: Wanted, settings: Settings): string | null {
  if (target !== undefined) return target
  const [named = '', key] = backup.split(':', 2)
  if (key !== undefined && Object.hasOwn(settings.targets, named) && parseImageKey(key) !== null) return named
  const isPath = basename(backup) !== backup
  return isPath ? null : primaryTarget(settings)
}

async function findHere(wanted: string, context: Context): Promise<BackupInfo> {
  const { backupDir, name } = context.settings
  try {
    return await findBackup(backupDir, name, wanted)
  } catch (error) {
    if (!isNotFound(error)) throw error
    const hint = await whereElse(wanted, context)
    if (hint === null) throw error
    throw new BackupError('BACKUP_NOT_FOUND', error.message, { hint, path: backupDir, cause: error })
  }
}

/** Metadata outlives a file that somebody has removed, and knows where its copies are. */
async function whereElse(wanted: string, { settings }: Context): Promise<string | null> {
  const [first] = Object.keys(settings.targets)
  if (first === undefined) return null
  const filename = basename(wanted)
  const known = isBackupName(filename) ? await readMetadata(metadataPath(settings.backupDir, filename)) : null
  const copies = knownCopies(known?.metadata?.copies)
  return copies.length > 0
    ? otherCopy(copies, filename)
    : `See what there is with: chame-backup list, and at a target with: chame-backup list --target ${first}.`
}

/** What to do when a backup in the backup directory cannot be used, but targets have it. */
export function otherCopy(copies: readonly string[], filename: string): string {
  const [first = ''] = copies
  const more = copies.length === 1 ? '' : ` (also at ${copies.slice(1).join(', ')})`
  return `A copy of it is at the target ${first}${more}: give --target ${first} (target: ${JSON.stringify(first)}) with ${filename}.`
}

function isNotFound(error: unknown): error is BackupError {
  return error instanceof BackupError && error.code === 'BACKUP_NOT_FOUND'
}
