import type { BackupInfo } from '../catalog/backup-info.ts'
import { listCatalog, newestFirst } from '../catalog/list.ts'
import { type ErrorCode, throwIfCancelled, toFailure } from '../errors.ts'
import { inParallel } from '../storage/in-parallel.ts'
import type { Target } from '../storage/target.ts'
import { putAnchor } from './anchors.ts'
import { begin, type Context } from './context.ts'
import { copyBackup } from './copy-backup.ts'
import { identityOf } from './copy-identity.ts'
import { copyBytes, CopyProgress } from './copy-progress.ts'
import { decideAt } from './decide-by-size.ts'
import { orderOf } from './copy-to-targets.ts'
import { copyFromAny, type Described, GoodCopies, isDescribed, seemsGood } from './good-copies.ts'
import { findLacking, type Lacking } from './lacking-copies.ts'
import type { FailedCopy, SyncTargetsRequest, TargetSynced, TargetsSynced } from './off-site-reports.ts'
import { PacksAtTarget } from './packs-at-target.ts'
import { recordCopies } from './record-copies.ts'
import { catalogOf, targetSettings, withTarget } from './target-access.ts'

/** Small backups are a matter of waiting for answers; more at once would make their answers slow. */
const COPIES_MAX = 3
/** What is wrong with the target is wrong for the next backup, too. */
const OF_TARGET: ReadonlySet<ErrorCode> = new Set([
  'TARGET_UNREACHABLE',
  'TARGET_REFUSED',
  'TARGET_FULL',
  'CANCELLED',
])

/**
 * Copies to the targets what they lack of the backup directory, newest first, and completes copies that were interrupted.
 * What is damaged at a target, or in the backup directory, is copied from whichever target has it whole. All targets at
 * once; one that fails is part of the answer. Notes in the backup directory what each of them has.
 */
export async function syncTargets(request: SyncTargetsRequest, context: Context): Promise<TargetsSynced> {
  const started = performance.now()
  const { settings } = context
  const names = request.target === undefined ? Object.keys(settings.targets) : [request.target]
  for (const name of names) targetSettings(settings, name)
  const elsewhere = new GoodCopies(Object.keys(settings.targets), context)
  const local = names.length === 0 ? [] : await findSources(elsewhere, context)
  const progress = new CopyProgress(context, 'copy-off-site')
  const sources = { local, elsewhere }
  const targets = await Promise.all(names.map(name => syncTarget(name, sources, progress, context)))
  throwIfCancelled(context.signal)
  return {
    success: true,
    status: targets.every(({ status }) => status === 'synced') ? 'synced' : 'incomplete',
    targets,
    durationMs: Math.round(performance.now() - started),
  }
}

interface Sources {
  /** What targets are to have. */
  readonly local: readonly BackupInfo[]
  readonly elsewhere: GoodCopies
}

/** Where nothing is kept here, what one target has is copied from there to the others. */
async function findSources(elsewhere: GoodCopies, context: Context): Promise<readonly BackupInfo[]> {
  const { backupDir, name: database, keepLocal } = context.settings
  const here = await listCatalog(backupDir, { database })
  if (keepLocal) return here
  const sources = new Map<string, BackupInfo>()
  for (const backup of [...here.filter(isDescribed).filter(seemsGood), ...(await elsewhere.all())]) {
    const identity = identityOf(backup.metadata)
    if (!sources.has(identity)) sources.set(identity, backup)
  }
  return [...sources.values()].toSorted(newestFirst)
}

/**
 * What the target has damaged and the backup directory does not have any more, from targets that have it whole. Nothing
 * else is copied from one target to another where backups are kept here.
 */
async function findMendable(
  target: Target,
  there: readonly BackupInfo[],
  { local, elsewhere }: Sources,
): Promise<Described[]> {
  const described = there.filter(isDescribed)
  const fine = new Set(
    [...local.filter(isDescribed), ...described.filter(seemsGood)].map(({ metadata }) =>
      identityOf(metadata),
    ),
  )
  const damaged = described.filter(({ metadata }) => !fine.has(identityOf(metadata)))
  const found: Described[] = []
  for (const copy of damaged) found.push(...(await elsewhere.besides(target.name, copy)).slice(0, 1))
  return found
}

/** What was done so far, also when the target fails in the middle. */
interface Tally {
  readonly copied: string[]
  readonly failed: FailedCopy[]
  present: number
  leftOut: number
  bytes: number
  anchorProblem: string | null
}

async function syncTarget(
  name: string,
  sources: Sources,
  progress: CopyProgress,
  context: Context,
): Promise<TargetSynced> {
  const started = performance.now()
  const tally: Tally = {
    copied: [],
    failed: [],
    present: 0,
    leftOut: 0,
    bytes: 0,
    anchorProblem: null,
  }
  let failure: TargetSynced['failure'] = null
  try {
    await withTarget(name, context, target => copyLacking(target, sources, { tally, progress }, context))
  } catch (error) {
    failure = toFailure(error)
  }
  return {
    name,
    status: failure !== null ? 'failed' : tally.failed.length > 0 ? 'incomplete' : 'synced',
    ...tally,
    failure,
    durationMs: Math.round(performance.now() - started),
  }
}

interface Running {
  readonly tally: Tally
  readonly progress: CopyProgress
}

async function copyLacking(
  target: Target,
  sources: Sources,
  { tally, progress }: Running,
  context: Context,
): Promise<void> {
  const { settings, signal } = context
  const { retention, isAppendOnly } = targetSettings(settings, target.name)
  const { backups } = await catalogOf(target, { database: settings.name }, context)
  const mendable = await findMendable(target, backups, sources)
  const lacking = await findLacking([...sources.local, ...mendable].toSorted(newestFirst), backups, {
    target: target.name,
    decide: all => decideAt(target, all, retention.policy, context),
  })
  tally.present = lacking.present.size
  tally.leftOut = lacking.leftOut.length
  await noteFound(target.name, lacking, context)
  begin(context, 'copy-off-site')
  const packs = new PacksAtTarget(target, signal)
  await inParallel(lacking.wanted, COPIES_MAX, async backup => {
    try {
      const onBytes = progress.add(`${target.name}:${backup.filename}`, copyBytes(backup))
      const isDamaged = backup.metadata.copies?.[target.name]?.damaged_at !== undefined
      const others = (): Promise<Described[]> => sources.elsewhere.besides(target.name, backup)
      const copied = await copyFromAny(backup, others, async source =>
        copyBackup(await orderOf(source, context), target, {
          signal,
          isAppendOnly,
          isDamaged,
          packs,
          onBytes,
        }),
      )
      tally.copied.push(backup.filename)
      tally.present++
      tally.bytes += copied.sentBytes
      await recordCopies(
        backup,
        { [target.name]: { at: context.now().toISOString(), size: copied.size } },
        context,
      )
    } catch (error) {
      const { success: _, ...failed } = toFailure(error)
      if (OF_TARGET.has(failed.code)) throw error
      // Deleted since it was listed: nothing is lacking.
      if (failed.code !== 'BACKUP_NOT_FOUND') tally.failed.push({ filename: backup.filename, ...failed })
    }
  })
  if (tally.copied.length > 0) tally.anchorProblem = await putAnchor(target, context)
}

/** Brings what is noted in the backup directory into agreement with what the target lists. */
async function noteFound(
  name: string,
  { present, wanted, leftOut }: Lacking,
  context: Context,
): Promise<void> {
  for (const [backup, size] of present) {
    if (backup.metadata.copies?.[name]?.size === size) continue
    await recordCopies(backup, { [name]: { at: context.now().toISOString(), size } }, context)
  }
  // That one is damaged there may be noted here alone, and holds until it has been replaced.
  const gone = wanted.filter(({ metadata }) => metadata.copies?.[name]?.damaged_at === undefined)
  for (const backup of [...gone, ...leftOut]) {
    if (backup.metadata.copies?.[name] != null) await recordCopies(backup, { [name]: undefined }, context)
  }
}
