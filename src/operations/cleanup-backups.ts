import { listCatalog } from '../catalog/list.ts'
import { CatalogLock } from '../catalog/lock.ts'
import { removeLeftovers } from '../catalog/staging.ts'
import { throwIfCancelled, toFailure } from '../errors.ts'
import { capDeletions } from '../retention/decide.ts'
import { policyFor } from '../retention/policy.ts'
import { isThere } from '../storage/durable.ts'
import { collectBlocks } from './collect-blocks.ts'
import { inParallel } from '../storage/in-parallel.ts'
import { cleanupTarget } from './cleanup-target.ts'
import { begin, type Context } from './context.ts'
import { decideHere } from './decide-by-size.ts'
import { type CleanupReport, reportOf, requirePlanned, toDelete } from './decisions-report.ts'
import { deleteStored, finishDeletions } from './delete-stored.ts'
import { finishConversions } from './finish-conversions.ts'
import type { BackupDecision, BackupsCleanedUp, CleanupRequest, FailedDeletion } from './reports.ts'
import { judgedAll } from './trust.ts'

/** Waiting for answers is most of the work at a target. */
const TARGETS_MAX = 8

/**
 * Deletes the backups of this database that the retention policy does not keep, the oldest first, and finishes what
 * killed runs began, in the backup directory and at the targets. Never opens a database. Killed at any instant, each backup is whole, or it is none and the
 * next cleanup removes what is left of it.
 */
export async function cleanupBackups(request: CleanupRequest, context: Context): Promise<BackupsCleanedUp> {
  const started = performance.now()
  const dryRun = request.dryRun === true
  const here = request.target === undefined ? await cleanupHere(request, context) : NOTHING
  const targets = await inParallel(targetsFor(request, context), TARGETS_MAX, name =>
    cleanupTarget(name, request, context),
  )
  const isIncomplete = targets.some(({ status }) => status !== 'done' && status !== 'skipped')
  const status = here.status === 'done' && isIncomplete ? 'incomplete' : here.status
  const durationMs = Math.round(performance.now() - started)
  return { success: true, dryRun, ...here, status, targets, durationMs }
}

/** Rules that a caller gives are for the place that he sees. */
function targetsFor({ target, ...rules }: CleanupRequest, { settings }: Context): readonly string[] {
  if (target !== undefined) return [target]
  const isByOwnRules =
    rules.policy === undefined && rules.dailyKeep === undefined && rules.weeklyKeep === undefined
  return isByOwnRules || !settings.keepLocal ? Object.keys(settings.targets) : []
}

const NOTHING = reportOf({ decisions: [], finished: [], failed: [], packs: null })

async function cleanupHere(request: CleanupRequest, context: Context): Promise<CleanupReport> {
  const { settings, signal } = context
  // Wrong rules are refused before anything is looked at.
  policyFor(request, settings.retention.policy)
  if (request.dryRun === true || !(await isThere(settings.backupDir))) {
    return reportOf({ decisions: await decide(request, context), finished: [], failed: [], packs: null })
  }
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(settings.backupDir, { waitMs: settings.waitForLockMs, signal })
  begin(context, 'remove-leftovers')
  await removeLeftovers(settings.backupDir, [])
  const finished = [...(await finishDeletions(context)), ...(await finishConversions(context))]
  const decisions = await decide(request, context)
  requirePlanned(decisions, request.planned)
  const failed = await deleteAll(decisions, context)
  const packs = await collectBlocks(context)
  return reportOf({ decisions, finished, failed, packs })
}

async function decide(request: CleanupRequest, context: Context): Promise<BackupDecision[]> {
  const { settings } = context
  begin(context, 'decide-retention')
  const listed = await listCatalog(settings.backupDir, { database: settings.name })
  const backups = await judgedAll(listed, context)
  const policy = policyFor(request, settings.retention.policy)
  const decisions = await decideHere(backups, policy, context)
  return capDeletions(decisions, request.maxDeletions ?? settings.retention.maxDeletions)
}

/** One failure is not the end. */
async function deleteAll(decisions: readonly BackupDecision[], context: Context): Promise<FailedDeletion[]> {
  const failed: FailedDeletion[] = []
  for (const { backup } of toDelete(decisions)) {
    throwIfCancelled(context.signal)
    try {
      await deleteStored(backup, context)
    } catch (error) {
      failed.push({ backup, message: toFailure(error).message })
    }
  }
  return failed
}
