import type { BackupInfo } from '../catalog/backup-info.ts'
import { listCatalog } from '../catalog/list.ts'
import { throwIfCancelled, toFailure } from '../errors.ts'
import { capDeletions } from '../retention/decide.ts'
import { policyFor } from '../retention/policy.ts'
import type { Target } from '../storage/target.ts'
import { thinAnchors } from './anchors.ts'
import { collectAtTarget } from './collect-at-target.ts'
import { begin, type Context } from './context.ts'
import { identityOf } from './copy-identity.ts'
import { decideAt } from './decide-by-size.ts'
import { reportOf, requirePlanned, toDelete } from './decisions-report.ts'
import { deleteAtTarget, finishAtTarget } from './delete-at-target.ts'
import type { BackupDecision, CleanupRequest, FailedDeletion, TargetCleanup } from './reports.ts'
import { catalogOf, targetSettings, withTarget } from './target-access.ts'
import { judgedAll } from './trust.ts'

/**
 * Cleans up at one target, by its own rules and with the same guards as in the backup directory. A target that fails is
 * part of the answer; one where nothing may be deleted is skipped.
 */
export async function cleanupTarget(
  name: string,
  request: CleanupRequest,
  context: Context,
): Promise<TargetCleanup> {
  const { isAppendOnly, retention } = targetSettings(context.settings, name)
  const none = { target: name, ...reportOf({ decisions: [], finished: [], failed: [], packs: null }) }
  if (isAppendOnly) return { ...none, status: 'skipped', problem: 'it is append-only', failure: null }
  // Wrong rules are refused before anything is looked at.
  policyFor(request, retention.policy)
  try {
    return await withTarget(name, context, target => cleanUp(target, request, context))
  } catch (error) {
    const failure = toFailure(error)
    if (failure.code === 'CANCELLED') throw error
    return { ...none, status: 'failed', failure }
  }
}

async function cleanUp(target: Target, request: CleanupRequest, context: Context): Promise<TargetCleanup> {
  const { settings } = context
  const { retention } = targetSettings(settings, target.name)
  const catalog = await catalogOf(target, { database: settings.name }, context)
  const isDryRun = request.dryRun === true
  const finished = isDryRun ? [] : await finishAtTarget(target, catalog, context)
  begin(context, 'decide-retention')
  const decisions = capDeletions(
    await decideAt(
      target,
      await withLocalPins(await judgedAll(catalog.backups, context), context),
      policyFor(request, retention.policy),
      context,
    ),
    request.maxDeletions ?? retention.maxDeletions,
  )
  requirePlanned(decisions, request.planned)
  const { failed, locked } = isDryRun
    ? { failed: [], locked: new Map() }
    : await deleteAll(target, decisions, context)
  const packs = isDryRun ? null : await collectAtTarget(target, { isShortening: true }, context)
  if (!isDryRun) await thinAnchors(target, context)
  const settled = keptByLock(decisions, locked)
  return { target: target.name, ...reportOf({ decisions: settled, finished, failed, packs }), failure: null }
}

/** A pin in the backup directory is for the backup, wherever it is. */
async function withLocalPins(backups: readonly BackupInfo[], { settings }: Context): Promise<BackupInfo[]> {
  const local = await listCatalog(settings.backupDir, { database: settings.name })
  const pins = new Map(
    local.flatMap(({ pinned, metadata }) =>
      pinned === null || metadata === null ? [] : [[identityOf(metadata), pinned] as const],
    ),
  )
  return backups.map(backup => ({
    ...backup,
    pinned:
      backup.pinned ?? (backup.metadata === null ? null : (pins.get(identityOf(backup.metadata)) ?? null)),
  }))
}

/** One failure is not the end. What the target keeps until a date is no failure. */
async function deleteAll(
  target: Target,
  decisions: readonly BackupDecision[],
  context: Context,
): Promise<{ failed: FailedDeletion[]; locked: ReadonlyMap<BackupInfo, string> }> {
  const failed: FailedDeletion[] = []
  const locked = new Map<BackupInfo, string>()
  for (const { backup } of toDelete(decisions)) {
    throwIfCancelled(context.signal)
    try {
      await deleteAtTarget(target, backup, context)
    } catch (error) {
      const { code, message } = toFailure(error)
      if (code === 'OBJECT_LOCKED') locked.set(backup, message)
      // Another machine was faster.
      else if (code !== 'OBJECT_NOT_FOUND') failed.push({ backup, message })
    }
  }
  return { failed, locked }
}

/** What the target keeps until a date stays by that. */
function keptByLock(
  decisions: readonly BackupDecision[],
  locked: ReadonlyMap<BackupInfo, string>,
): BackupDecision[] {
  return decisions.map((decision): BackupDecision => {
    const why = locked.get(decision.backup)
    return why === undefined ? decision : { ...decision, keptBy: ['locked'], why }
  })
}
