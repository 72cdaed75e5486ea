import type { BackupInfo } from '../catalog/backup-info.ts'
import { listCatalog } from '../catalog/list.ts'
import { CatalogLock } from '../catalog/lock.ts'
import { removeLeftovers } from '../catalog/staging.ts'
import { throwIfCancelled, toFailure } from '../errors.ts'
import { capDeletions } from '../retention/decide.ts'
import { policyFor } from '../retention/policy.ts'
import { isThere } from '../storage/durable.ts'
import type { PacksCollected } from './blocks-reports.ts'
import { collectBlocks } from './collect-blocks.ts'
import { inParallel } from '../storage/in-parallel.ts'
import { cleanupTarget } from './cleanup-target.ts'
import { begin, type Context } from './context.ts'
import { decideHere } from './decide-by-size.ts'
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

type Here = Omit<BackupsCleanedUp, 'success' | 'dryRun' | 'targets' | 'durationMs'>

const NOTHING: Here = {
  status: 'done',
  problem: null,
  deleted: [],
  kept: [],
  failed: [],
  freedBytes: 0,
  packs: null,
  left: 0,
  finished: [],
}

async function cleanupHere(request: CleanupRequest, context: Context): Promise<Here> {
  const { settings, signal } = context
  // Wrong rules are refused before anything is looked at.
  policyFor(request, settings.retention.policy)
  if (request.dryRun === true || !(await isThere(settings.backupDir))) {
    return report(await decide(request, context), { finished: [], failed: [], packs: null })
  }
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(settings.backupDir, { waitMs: settings.waitForLockMs, signal })
  begin(context, 'remove-leftovers')
  await removeLeftovers(settings.backupDir, [])
  const finished = [...(await finishDeletions(context)), ...(await finishConversions(context))]
  const decisions = await decide(request, context)
  const failed = await deleteAll(decisions, context)
  const packs = await collectBlocks(context)
  return report(decisions, { finished, failed, packs })
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

/** Oldest first, so that what a kill or a full run leaves is what the policy values most. One failure is not the end. */
async function deleteAll(decisions: readonly BackupDecision[], context: Context): Promise<FailedDeletion[]> {
  const failed: FailedDeletion[] = []
  for (const { backup } of decisions.filter(goes).toReversed()) {
    throwIfCancelled(context.signal)
    try {
      await deleteStored(backup, context)
    } catch (error) {
      failed.push({ backup, message: toFailure(error).message })
    }
  }
  return failed
}

interface Outcome {
  readonly finished: readonly string[]
  readonly failed: readonly FailedDeletion[]
  readonly packs: PacksCollected | null
}

function report(decisions: readonly BackupDecision[], { finished, failed, packs }: Outcome): Here {
  const failing = new Set<BackupInfo>(failed.map(({ backup }) => backup))
  const deleted = decisions.filter(decision => goes(decision) && !failing.has(decision.backup))
  const problem = decisions.find(({ keptBy }) => keptBy.includes('clock'))?.why ?? null
  return {
    status: problem !== null ? 'refused' : failed.length > 0 ? 'incomplete' : 'done',
    problem,
    deleted,
    kept: decisions.filter(decision => !goes(decision)),
    failed,
    freedBytes: deleted.reduce((sum, { backup }) => sum + backup.size, packs?.freedBytes ?? 0),
    packs,
    left: decisions.filter(({ keptBy }) => keptBy.includes('max-deletions')).length,
    finished,
  }
}

function goes({ keptBy }: BackupDecision): boolean {
  return keptBy.length === 0
}
