/**
 * Putting right what is damaged at targets, from wherever there is a good copy: the backup directory, or another target.
 * Nothing is read of what seems whole: `verify --copies` does that, and notes what it finds.
 */
import { basename } from 'node:path'
import { listCatalog } from '../../catalog/list.ts'
import { isDamagedAsStored, type StoredCopy } from '../../catalog/metadata.ts'
import { isBackupName } from '../../catalog/names.ts'
import { imagePrefix, metadataKey, parseImageKey } from '../../catalog/target-keys.ts'
import { BackupError, type Failure, throwIfCancelled, toFailure } from '../../errors.ts'
import { inParallel } from '../../storage/in-parallel.ts'
import type { Target } from '../../storage/target.ts'
import { begin, type Context } from '../context.ts'
import type { RepairedBackup, TargetNotRepaired } from '../copies-reports.ts'
import { copyBackup } from '../copy-backup.ts'
import { identityOf } from '../copy-identity.ts'
import { copyBytes, CopyProgress } from '../copy-progress.ts'
import { orderOf } from '../copy-to-targets.ts'
import {
  copyFromAny,
  type Described,
  GoodCopies,
  isDescribed,
  isOfSource,
  mayReplace,
  seemsGood,
} from '../good-copies.ts'
import { PacksAtTarget } from '../packs-at-target.ts'
import { damagedAsStored } from './sound.ts'
import { recordCopies } from '../record-copies.ts'
import { catalogOf, type TargetCatalog, targetSettings, withTarget } from '../target-access.ts'

const LISTS_AT_ONCE = 4

export interface MendOrder {
  /** File names of those that are meant; null: all. */
  readonly filenames: ReadonlySet<string> | null
  /** The only target that good copies are taken from; undefined: from anywhere. */
  readonly from: string | undefined
}

export interface CopiesMended {
  readonly backups: readonly RepairedBackup[]
  /** Targets that could not be used, so that nobody knows what is damaged there. */
  readonly failed: readonly TargetNotRepaired[]
}

/** Whether a backup that was not found here, as the error says, is at a target, be it whole or not. */
export async function isAtAnyTarget(wanted: string, error: unknown, context: Context): Promise<boolean> {
  const filename = basename(wanted)
  if (!(error instanceof BackupError) || error.code !== 'BACKUP_NOT_FOUND' || !isBackupName(filename))
    return false
  const { signal } = context
  for (const name of Object.keys(context.settings.targets)) {
    const there = await withTarget(name, context, target =>
      target.head(metadataKey(filename), { signal }),
    ).catch(failureOf)
    if (there !== null && 'key' in there) return true
  }
  return false
}

/** What went wrong with one copy, or with one target, is in the answer. Throws `CANCELLED`. */
export async function mendCopies({ filenames, from }: MendOrder, context: Context): Promise<CopiesMended> {
  const { settings } = context
  const names = Object.keys(settings.targets)
  const here = (await listCatalog(settings.backupDir, { database: settings.name })).filter(isDescribed)
  const sources: Sources = {
    here,
    isHereAsked: from === undefined,
    copies: new GoodCopies(from === undefined ? names : [from], context),
  }
  const backups: RepairedBackup[] = []
  const failed: TargetNotRepaired[] = []
  for (const name of names.filter(each => each !== from)) {
    try {
      await withTarget(name, context, async target => {
        const catalog = await catalogOf(target, { database: settings.name }, context)
        const sick = await findSick(target, catalog, sources, context)
        // It may have another number there than here.
        const wanted = sick.filter(
          ({ filename, source }) =>
            filenames === null || filenames.has(filename) || filenames.has(source?.filename ?? ''),
        )
        const packs = new PacksAtTarget(target, context.signal)
        for (const each of wanted) {
          backups.push(await tryMend(each, { target, packs, sources }, context))
          throwIfCancelled(context.signal)
        }
      })
    } catch (error) {
      failed.push({ name, ...failureOf(error) })
    }
  }
  return { backups, failed }
}

interface Sources {
  /** The backups in the backup directory, whatever they are worth. */
  readonly here: readonly Described[]
  readonly isHereAsked: boolean
  readonly copies: GoodCopies
}

/** Something at a target that is not what it should be. */
interface SickCopy {
  readonly filename: string
  /** As the target lists it; null where its file or its metadata is gone. */
  readonly there: Described | null
  /** What it should be, by what is known of it elsewhere; null: nothing is. */
  readonly source: Described | null
}

/**
 * What the target says, and what is noted here: a check has found it damaged, its size is another, its file is gone, or its
 * metadata is. What was deleted there is none of it, nor is a file that nobody knows.
 */
async function findSick(
  target: Target,
  catalog: TargetCatalog,
  { here, isHereAsked, copies }: Sources,
  context: Context,
): Promise<SickCopy[]> {
  const noted = new Map(here.map(({ metadata }) => [identityOf(metadata), metadata.copies?.[target.name]]))
  const there = catalog.backups.filter(isDescribed)
  const isGood = (copy: Described): boolean =>
    seemsGood(copy) && noted.get(identityOf(copy.metadata))?.damaged_at === undefined
  const good = new Set(there.filter(isGood).map(({ metadata }) => identityOf(metadata)))
  const sick = new Map(
    there.filter(copy => !good.has(identityOf(copy.metadata))).map(copy => [identityOf(copy.metadata), copy]),
  )
  const known = new Map<string, Described>()
  const elsewhere = (await copies.all()).filter(copy => copy.target !== target.name)
  for (const source of [...(isHereAsked ? here : []), ...elsewhere]) {
    const identity = identityOf(source.metadata)
    const copy = sick.get(identity) ?? null
    const isFit = copy === null || mayReplace(source, copy)
    if (isFit && !known.has(identity) && !good.has(identity)) known.set(identity, source)
  }
  const traces = await tracesAt(target, catalog, [...known.values()], context)
  const found: SickCopy[] = [...sick].map(([identity, copy]) => ({
    filename: copy.filename,
    there: copy,
    source: known.get(identity) ?? null,
  }))
  for (const [identity, source] of known) {
    const isDeleted = noted.get(identity) === null
    if (!sick.has(identity) && !isDeleted && traces.has(source.filename))
      found.push({ filename: source.filename, there: null, source })
  }
  return found
}

/** Names of which there is a file without metadata that can be read, or metadata without a file. */
async function tracesAt(
  target: Target,
  { backups, described, marks }: TargetCatalog,
  known: readonly Described[],
  context: Context,
): Promise<ReadonlySet<string>> {
  const { name: database } = context.settings
  const names = new Set(described)
  const types = [...new Set(known.map(({ type }) => type))]
  await inParallel(types, LISTS_AT_ONCE, async type => {
    for await (const { key } of target.list(imagePrefix(type, database), { signal: context.signal })) {
      const image = parseImageKey(key)
      if (image !== null) names.add(image.filename)
    }
  })
  const accounted = [...backups.filter(isDescribed), ...marks]
  for (const { filename } of accounted) names.delete(filename)
  return names
}

interface Mending {
  readonly target: Target
  readonly packs: PacksAtTarget
  readonly sources: Sources
}

async function tryMend(sick: SickCopy, mending: Mending, context: Context): Promise<RepairedBackup> {
  const { filename } = sick
  const at = mending.target.name
  try {
    return { filename, at, status: 'repaired', ...(await mend(sick, mending, context)) }
  } catch (error) {
    const failure = failureOf(error)
    return { filename, at, status: 'failed', from: null, metadata: false, packs: 0, bytes: 0, ...failure }
  }
}

async function mend(
  { filename, there, source }: SickCopy,
  { target, packs, sources }: Mending,
  context: Context,
): Promise<Pick<RepairedBackup, 'from' | 'metadata' | 'packs' | 'bytes'>> {
  const { isAppendOnly } = targetSettings(context.settings, target.name)
  const known = there ?? source
  const isSame = (each: Described): boolean =>
    known !== null && identityOf(each.metadata) === identityOf(known.metadata)
  const mine = sources.here.find(isSame) ?? null
  if (there !== null && isStoredSo(there, mine?.metadata.copies?.[target.name]))
    throw damagedAsStored(there.path, 'a check has found damage in it')
  if (source === null) throw noSource(target, filename, null)
  begin(context, 'copy-off-site')
  const progress = new CopyProgress(context, 'copy-off-site')
  const onBytes = progress.add(`${target.name}:${filename}`, copyBytes(source))
  const others = (): Promise<Described[]> => sources.copies.besides(target.name, mine ?? there ?? source)
  const { from, copied } = await copyFromAny(source, others, async each => ({
    from: each.target,
    copied: await copyBackup(await orderOf(each, context), target, {
      signal: context.signal,
      isAppendOnly,
      isDamaged: mayReplace(each, mine ?? there),
      packs,
      onBytes,
    }),
  })).catch((error: unknown) => {
    throw isOfSource(error) ? noSource(target, filename, error) : error
  })
  const note = { at: context.now().toISOString(), size: copied.size }
  if (mine !== null) await recordCopies(mine, { [target.name]: note }, context)
  return { from, metadata: copied.wasUndescribed, packs: copied.packs, bytes: copied.sentBytes }
}

/** Whether the damage is in what was stored, and nothing is known to have happened to the bytes since. */
function isStoredSo({ metadata, size }: Described, noted: StoredCopy | null | undefined): boolean {
  return isDamagedAsStored(metadata) && size === metadata.file_size && noted?.damaged_at === undefined
}

/** @param cause what is wrong with the one that was tried first; null: nobody has any */
function noSource({ name }: Target, filename: string, cause: unknown): BackupError {
  const why = cause instanceof Error ? ` (${cause.message})` : ''
  return new BackupError(
    'OBJECT_DAMAGED',
    `Nowhere is a good copy of what is damaged at ${name}${why}: ${filename}`,
    {
      hint: 'Nothing was changed. Make a new backup now (chame-backup create), and keep this one: parts of it may still be read.',
      ...(cause === null ? {} : { cause }),
    },
  )
}

function failureOf(error: unknown): Omit<Failure, 'success'> {
  const { success: _, ...failure } = toFailure(error)
  if (failure.code === 'CANCELLED') throw error
  return failure
}
