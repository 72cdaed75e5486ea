/** Which backups can be relied on, and which of them were looked at longest ago. Pure. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import { isGood } from '../catalog/good-backup.ts'
import { PRE_RESTORE } from '../catalog/names.ts'
import { CLOCK_TOLERANCE_MS, isFromWrongClock } from './due.ts'

/**
 * The newest good backup: one whose last check passed. A pre_restore backup is none, for it holds what
 * somebody wanted to be rid of; nor is one from the future, which would hide that there is none of today.
 *
 * @param backups newest first
 */
export function findLastGood(backups: readonly BackupInfo[], now: Date): BackupInfo | null {
  const latest = now.getTime() + CLOCK_TOLERANCE_MS
  return (
    backups.find(
      backup => isGood(backup) && backup.type !== PRE_RESTORE && Date.parse(backup.created) <= latest,
    ) ?? null
  )
}

/** Whether the last good backup is older than the configuration allows; never without such a limit. */
export function isOverdue(lastGoodAt: Date | null, maxBackupAgeMs: number | null, now: Date): boolean {
  if (maxBackupAgeMs === null) return false
  return lastGoodAt === null || now.getTime() - lastGoodAt.getTime() > maxBackupAgeMs
}

/**
 * The backups in the order in which they are to be verified: never looked at first, then longest ago. A look from the
 * future counts as none, or there would be no other until then.
 */
export function oldestVerificationFirst(backups: readonly BackupInfo[], now: Date): BackupInfo[] {
  const lookedAt = ({ metadata }: BackupInfo): string => {
    const at = metadata?.damaged_at ?? metadata?.verified_at ?? ''
    return isFromWrongClock(new Date(at), now) ? '' : at
  }
  return backups
    .filter(({ metadataState }) => metadataState === 'ok')
    .toSorted((a, b) => compare(lookedAt(a), lookedAt(b)) || compare(a.created, b.created))
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
