/** What a cleanup has done, as its answer says it: the same of the backup directory and of a target. */
import { BackupError } from '../errors.ts'
import type { PacksCollected } from './blocks-reports.ts'
import type { BackupDecision, BackupsCleanedUp, FailedDeletion } from './reports.ts'

export interface CleanupOutcome {
  readonly decisions: readonly BackupDecision[]
  readonly finished: readonly string[]
  readonly failed: readonly FailedDeletion[]
  readonly packs: PacksCollected | null
}

export type CleanupReport = Omit<BackupsCleanedUp, 'success' | 'dryRun' | 'targets' | 'durationMs'>

export function reportOf({ decisions, finished, failed, packs }: CleanupOutcome): CleanupReport {
  const failing = new Set(failed.map(({ backup }) => backup))
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

/** The oldest first, so that what a kill or a full run leaves is what the policy values most. */
export function toDelete(decisions: readonly BackupDecision[]): BackupDecision[] {
  return decisions.filter(goes).toReversed()
}

/** Throws `CATALOG_LOCKED` where something goes that was not planned to, such as what was the newest when it was planned. */
export function requirePlanned(
  decisions: readonly BackupDecision[],
  planned: readonly string[] | undefined,
): void {
  const paths = new Set(planned)
  const other = decisions.find(decision => goes(decision) && !paths.has(decision.backup.path))
  if (planned === undefined || other === undefined) return
  const { path } = other.backup
  throw new BackupError('CATALOG_LOCKED', `Other backups would go by now than was planned, such as ${path}`, {
    hint: 'Look at what would go now, then try again. Nothing was deleted there.',
    path,
  })
}

function goes({ keptBy }: BackupDecision): boolean {
  return keptBy.length === 0
}
