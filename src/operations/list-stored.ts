import type { BackupInfo } from '../catalog/backup-info.ts'
import { listCatalog, type ListFilter } from '../catalog/list.ts'
import type { Settings } from '../config/settings.ts'
import type { Context } from './context.ts'
import { catalogOf, withTarget } from './target-access.ts'

/**
 * Where to look for backups: at the target that was named, else in the backup directory (null), unless nothing is kept
 * there: then at the first target.
 */
export function placeOf(target: string | undefined, { keepLocal, targets }: Settings): string | null {
  return target ?? (keepLocal ? null : (Object.keys(targets)[0] ?? null))
}

/** The backups there, newest first. */
export async function listStored(
  target: string | undefined,
  filter: ListFilter,
  context: Context,
): Promise<readonly BackupInfo[]> {
  const place = placeOf(target, context.settings)
  if (place === null) return listCatalog(context.settings.backupDir, filter)
  return withTarget(place, context, async opened => (await catalogOf(opened, filter, context)).backups)
}
