/** Which backups a target lacks and is to have. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import { isDamagedAsStored, type Metadata } from '../catalog/metadata.ts'
import { parseFilename } from '../catalog/names.ts'
import { identityOf } from './copy-identity.ts'
import type { BackupDecision } from './reports.ts'

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
  /** What retention there would keep of these. */
  readonly decide: (backups: readonly BackupInfo[]) => Promise<readonly BackupDecision[]>
}

/**
 * Compares the backup directory with a target. What the target's retention would delete again is not copied, nor what
 * somebody deleted there on purpose; nor what is no backup of ours, such as a file without metadata. What was found to
 * be damaged at the target is lacking there, whether that is noted there or only here; but not what was stored so, as the
 * same bytes are no better.
 *
 * @param local backups of the backup directory, newest first
 */
export async function findLacking(
  local: readonly BackupInfo[],
  atTarget: readonly BackupInfo[],
  { target, decide }: LackingRules,
): Promise<Lacking> {
  const there = new Map(
    atTarget.flatMap(({ metadata, size }) =>
      metadata !== null &&
      metadata.file_size === size &&
      (metadata.damaged_at === undefined || isDamagedAsStored(metadata))
        ? [[identityOf(metadata), size] as const]
        : [],
    ),
  )
  const ours = local.filter(isOurs)
  const present = new Map(
    ours.flatMap(backup => {
      const size = there.get(identityOf(backup.metadata))
      const isDamaged = backup.metadata.copies?.[target]?.damaged_at !== undefined
      return size === undefined || isDamaged ? [] : [[backup, size] as const]
    }),
  )
  const lacking = ours.filter(backup => !present.has(backup))
  const candidates = lacking.filter(({ metadata }) => metadata.copies?.[target] !== null)
  const isLacking = new Set<BackupInfo>(candidates)
  // Where nothing is lacking nothing has to be decided, nor read for that.
  const decisions = candidates.length === 0 ? [] : await decide([...atTarget, ...candidates])
  const kept = new Set(
    decisions.flatMap(({ backup, keptBy }) => (isLacking.has(backup) && keptBy.length > 0 ? [backup] : [])),
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
