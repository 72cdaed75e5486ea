import type { BackupInfo } from '../catalog/backup-info.ts'
import { listCatalog, type ListFilter, newestFirst } from '../catalog/list.ts'
import { judgeAll } from '../signing/signature.ts'
import type { TargetContext } from './context.ts'
import { identityOf } from './copy-identity.ts'
import { catalogOf, primaryTarget, withTarget } from './target-access.ts'

/**
 * The backups at a target, or in the backup directory; where nothing is kept there, at the first target, together with
 * what there is here all the same. Newest first, and each with what its signature is worth.
 */
export async function listStored(
  target: string | undefined,
  filter: ListFilter,
  context: TargetContext,
): Promise<readonly BackupInfo[]> {
  return judgeAll(await list(target, filter, context), context.settings.signing.trusted)
}

async function list(
  target: string | undefined,
  filter: ListFilter,
  context: TargetContext,
): Promise<readonly BackupInfo[]> {
  const { settings } = context
  if (target !== undefined) return await listAt(target, filter, context)
  const here = await listCatalog(settings.backupDir, filter)
  const primary = primaryTarget(settings)
  if (primary === null) return here
  const there = await listAt(primary, filter, context)
  const known = new Set(there.map(({ metadata }) => (metadata === null ? null : identityOf(metadata))))
  const others = here.filter(({ metadata }) => metadata === null || !known.has(identityOf(metadata)))
  return [...there, ...others].toSorted(newestFirst).slice(0, filter.limit)
}

function listAt(name: string, filter: ListFilter, context: TargetContext): Promise<readonly BackupInfo[]> {
  return withTarget(name, context, async target => (await catalogOf(target, filter, context)).backups)
}
