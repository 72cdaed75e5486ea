/** Which backups a target lacks and is to have. Reads nothing. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { parseFilename } from '../catalog/names.ts'
import { decideRetention } from '../retention/decide.ts'
import type { RetentionPolicy } from '../retention/policy.ts'
import { identityOf } from './copy-identity.ts'

type Described = BackupInfo & { readonly metadata: Metadata }

export interface Lacking {
  /** To be copied, newest first. */
  readonly wanted: readonly Described[]
  /** That the target has, with its size there. */
  readonly present: ReadonlyMap<Described, number>
  /** That it lacks and is not to have. */
  readonly leftOut: readonly Described[]
}

export interface LackingRules {
  readonly target: string
  readonly policy: RetentionPolicy
  readonly now: Date
  readonly timeZone: string | undefined
}

/**
 * Compares the backup directory with a target. What the target's retention would delete again is not copied, nor what
 * somebody deleted there on purpose; nor what is no backup of ours, such as a file without metadata. What was found to
 * be damaged at the target is lacking there.
 *
 * @param local backups of the backup directory, newest first
 */
export function findLacking(
  local: readonly BackupInfo[],
  atTarget: readonly BackupInfo[],
  { target, policy, now, timeZone }: LackingRules,
): Lacking {
  const there = new Map(
    atTarget.flatMap(({ metadata, size }) =>
      metadata !== null && metadata.file_size === size && metadata.damaged_at === undefined
        ? [[identityOf(metadata), size] as const]
        : [],
    ),
  )
  const ours = local.filter(isOurs)
  const present = new Map(
    ours.flatMap(backup => {
      const size = there.get(identityOf(backup.metadata))
      return size === undefined ? [] : [[backup, size] as const]
    }),
  )
  const lacking = ours.filter(backup => !present.has(backup))
  const candidates = lacking.filter(({ metadata }) => metadata.copies?.[target] !== null)
  const isLacking = new Set<BackupInfo>(candidates)
  const kept = new Set(
    decideRetention([...atTarget, ...candidates], policy, now, timeZone).flatMap(({ backup, keptBy }) =>
      isLacking.has(backup) && keptBy.length > 0 ? [backup] : [],
    ),
  )
  return {
    wanted: candidates.filter(backup => kept.has(backup)),
    present,
    leftOut: lacking.filter(backup => !kept.has(backup)),
  }
}

/** At a target the name says of which database a backup is. */
function isOurs(backup: BackupInfo): backup is Described {
  const isNamed = parseFilename(backup.filename)?.database === backup.database
  return isNamed && backup.metadata !== null && backup.metadata.backup_type === backup.type
}
