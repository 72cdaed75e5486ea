/** What is asked of retention and what it answers: deleting, pinning, cleaning up. Part of reports.ts. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { PacksCollected } from './blocks-reports.ts'
import type { Failure } from '../errors.ts'
import type { RetentionPolicy } from '../retention/policy.ts'
import type { KeepReason } from '../retention/reasons.ts'
import type { HeldBackup, LeavingBackup, SimulatedDay } from '../retention/simulate.ts'

export interface DeleteBackupRequest {
  /** Must be true. */
  readonly confirm?: boolean
  /** The one at this target; others stay, and it is not copied there again. */
  readonly target?: string
  /** Delete it even if it is the last good backup of its database. A pinned backup has to be unpinned first. */
  readonly force?: boolean
}

export interface BackupDeleted {
  readonly success: true
  /** The backup as it was. */
  readonly backup: BackupInfo
  /** Bytes of its stored file, and what was given back of packs. */
  readonly freedBytes: number
  /** What was done about the packs that it relied on; null for a backup in a file of its own. */
  readonly packs: PacksCollected | null
  readonly durationMs: number
}

/** `reason` says why the backup must stay, `by` who said so, `at` when (UTC, ISO 8601). */
export type { Pin } from '../catalog/metadata.ts'

export interface PinBackupRequest {
  /** Why it must stay. */
  readonly reason: string
  /** Who says so. Default: the name of the operating system's user. */
  readonly by?: string
  /** The one at this target. */
  readonly target?: string
}

export interface UnpinBackupRequest {
  /** The one at this target. */
  readonly target?: string
}

export interface BackupPinned {
  readonly success: true
  /** The backup as it is now; `pinned` is null after it was unpinned. */
  readonly backup: BackupInfo
}

export type { RetentionPolicy, RetentionRules } from '../retention/policy.ts'
export type { KeepReason } from '../retention/reasons.ts'
export type { HeldBackup, LeavingBackup, SimulatedDay } from '../retention/simulate.ts'

/** Which rules hold. Default: the configuration's, and where it says nothing 7 daily, 4 weekly and 5 pre_restore backups. */
export interface RetentionRequest {
  /** Keep so many daily backups, and one of each of so many days. */
  readonly dailyKeep?: number
  /** Keep so many weekly backups, and one of each of so many weeks. */
  readonly weeklyKeep?: number
  /** Rules by type, in place of all others: types that it does not name are kept. Not together with the two above. */
  readonly policy?: RetentionPolicy
  /** Only backups of this type; all others are kept. */
  readonly type?: string
}

export interface CleanupRequest extends RetentionRequest {
  /** Say what would happen; delete nothing. */
  readonly dryRun?: boolean
  /** Delete at most so many, the oldest; the others wait for the next run. Default from the config, else 100. */
  readonly maxDeletions?: number
  /**
   * Only at this target. Default: in the backup directory and at every target, each by its own rules; with rules that the
   * call gives only in the backup directory.
   */
  readonly target?: string
  /**
   * The paths of what a dry run said would go. Where anything else would by now, nothing goes: `CATALOG_LOCKED`, at a target
   * in its part of the answer.
   */
  readonly planned?: readonly string[]
}

export interface BackupDecision {
  readonly backup: BackupInfo
  /** The rules and guards that keep it; none when it goes. */
  readonly keptBy: readonly KeepReason[]
  /** A sentence: why it is kept, or why not. */
  readonly why: string
}

export interface FailedDeletion {
  readonly backup: BackupInfo
  readonly message: string
}

/** What a cleanup did in one place. */
interface PlaceCleanup {
  /** Why nothing was deleted; null unless it was refused. */
  readonly problem: string | null
  /** What was deleted, or would be, newest first. */
  readonly deleted: readonly BackupDecision[]
  /** What is kept, newest first. */
  readonly kept: readonly BackupDecision[]
  readonly failed: readonly FailedDeletion[]
  /**
   * Bytes of the stored files that were deleted, or would be, and of what was given back of packs. What packs would give
   * back is only known once it is done.
   */
  readonly freedBytes: number
  /** What was done about packs; null where there are none, and for a dry run. */
  readonly packs: PacksCollected | null
  /** How many more may go, but only with the next run: see `maxDeletions`. */
  readonly left: number
  /** File names of backups whose deletion a killed run had begun, and which this one finished. */
  readonly finished: readonly string[]
}

/** What it did at a target. */
export interface TargetCleanup extends PlaceCleanup {
  readonly target: string
  /** As of the cleanup itself; `failed`: the target could not be used, see `failure`; `skipped`: it is append-only. */
  readonly status: 'done' | 'incomplete' | 'refused' | 'failed' | 'skipped'
  readonly failure: Failure | null
}

/** Its own fields are of the backup directory; empty where only a target was cleaned up. */
export interface BackupsCleanedUp extends PlaceCleanup {
  readonly success: true
  readonly dryRun: boolean
  /**
   * `done`: what may go is gone, or would go. `incomplete`: some could not be deleted, see `failed` and `targets`.
   * `refused`: dates and clock contradict each other, see `problem`, and nothing that may go was deleted there.
   */
  readonly status: 'done' | 'incomplete' | 'refused'
  readonly targets: readonly TargetCleanup[]
  readonly durationMs: number
}

export interface SimulateRetentionRequest extends RetentionRequest {
  /** How long, such as "90d" (default) or "2y"; at most 20 years. */
  readonly span?: string
  /** From the backups that are there now on, over the time to come. Default: from none, over the time up to now. */
  readonly ahead?: boolean
}

export interface RetentionSimulated {
  readonly success: true
  readonly policy: RetentionPolicy
  /**
   * Bytes that each backup was taken to have: those of the newest one; 0 when there is none. Of backups of pages what
   * the newest one has added.
   */
  readonly backupBytes: number
  /** Bytes that backups of pages were taken to have in common; 0 for others. */
  readonly sharedBytes: number
  /** One entry a day, after that day's cleanup. */
  readonly days: readonly SimulatedDay[]
  /** What is there in the end, newest first. */
  readonly held: readonly HeldBackup[]
  /** Which of the backups that are there now go meanwhile, in the order in which they do; empty without `ahead`. */
  readonly leaving: readonly LeavingBackup[]
}
