/**
 * Replacing what is damaged or gone by good copies: in the backup directory by those from targets, and at a target by those
 * from the backup directory or from another target, for which see repair/mend-copies.ts. What is fetched lies in a
 * directory of ours until all of it was found to be what was stored; then it takes the other's place in one step, so that
 * whoever is killed, the old file or the new one is there. Nothing whole is ever replaced.
 */
import { chmod, readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { type OpenKeyFile, openKeyFilesWith } from '../blocks/key-files.ts'
import { pagesOf, type Slots } from '../blocks/live-pages.ts'
import { parseRestorePoint } from '../blocks/restore-point.ts'
import { metadataPath } from '../catalog/layout.ts'
import { CatalogLock } from '../catalog/lock.ts'
import { isDamagedAsStored } from '../catalog/metadata.ts'
import { readMetadata } from '../catalog/read-metadata.ts'
import { removeAbandonedWork, WorkDirectory } from '../catalog/work-directory.ts'
import { readKeys } from '../encoding/keys.ts'
import { BackupError, throwIfCancelled, toFailure } from '../errors.ts'
import { makeDirectory, namesIn, renameDurably, syncFile } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { begin, type Context, durabilityOf } from './context.ts'
import type { BackupsRepaired, RepairBackupsRequest, RepairedBackup } from './copies-reports.ts'
import { fetchGoodFile, NoHelp } from './repair/good-file.ts'
import { fetchPacks, findLostPacks, type LostPack, putPacks } from './repair/good-packs.ts'
import { bringBackMetadata, findUndescribed, undescribed } from './repair/lost-metadata.ts'
import { isAtAnyTarget, mendCopies } from './repair/mend-copies.ts'
import { allSick, findSick, isDescribed, type Sick, type Undescribed } from './repair/sick.ts'
import { lookInto } from './repair/sound.ts'
import { recordVerification } from './record-verification.ts'
import { replaceMetadata } from './replace-metadata.ts'
import { isAsStored } from './stored-bytes.ts'
import { targetSettings } from './target-access.ts'

/**
 * Repairs the backups that are named, or all of this database that are known to be damaged. One that cannot be repaired is
 * part of the answer, and stays as it is. Throws `BACKUP_NOT_FOUND` for a name that nothing has, neither here nor at a target.
 */
export async function repairBackups(
  request: RepairBackupsRequest,
  context: Context,
): Promise<BackupsRepaired> {
  const started = performance.now()
  const { settings, signal } = context
  const targets = request.target === undefined ? Object.keys(settings.targets) : [request.target]
  for (const name of targets) targetSettings(settings, name)
  if (targets.length === 0) throw noTargets()
  const keys = await readKeys(settings.storing.encryption, request.identity)
  const { identity } = request
  const open = openKeyFilesWith(async () => keys)
  begin(context, 'remove-leftovers')
  await removeAbandonedWork(settings.backupDir, await namesIn(settings.backupDir), signal)
  begin(context, 'find-backup')
  const { sick, filenames } = await findAll(request.backups, context)
  const backups: RepairedBackup[] = []
  for (const each of sick) {
    const repaired = await tryRepair(
      each,
      { isNamed: request.backups !== undefined, targets, open, identity },
      context,
    )
    if (repaired !== null) backups.push(repaired)
    throwIfCancelled(signal)
  }
  const mended = await mendCopies({ filenames, from: request.target }, context)
  const all = [...backups, ...mended.backups]
  const hasFailed = all.some(({ code }) => code !== undefined) || mended.failed.length > 0
  return {
    success: true,
    status: hasFailed ? 'incomplete' : 'repaired',
    backups: all,
    failed: mended.failed,
    durationMs: Math.round(performance.now() - started),
  }
}

interface ToRepair {
  /** Those in the backup directory. */
  readonly sick: readonly (Sick | Undescribed)[]
  /** File names of those that are meant, here and at targets; null: all. */
  readonly filenames: ReadonlySet<string> | null
}

async function findAll(wanted: readonly string[] | undefined, context: Context): Promise<ToRepair> {
  if (wanted === undefined)
    return { sick: [...(await allSick(context)), ...(await findUndescribed(context))], filenames: null }
  const sick: (Sick | Undescribed)[] = []
  const filenames = new Set<string>()
  for (const name of new Set(wanted)) {
    const found = await findSick(name, context).catch(async (error: unknown) => {
      // What is at targets alone is repaired there.
      if (!(await isAtAnyTarget(name, error, context))) throw error
      return null
    })
    if (found !== null) sick.push(found)
    filenames.add(found?.filename ?? basename(name))
  }
  return { sick, filenames }
}

interface Helpers {
  /** Whether somebody has asked for just these. */
  readonly isNamed: boolean
  readonly targets: readonly string[]
  readonly open: OpenKeyFile
  /** Path of an identity file, beside those of the configuration. */
  readonly identity: string | undefined
}

/** Null for a file without metadata that no target knows: somebody may have put it there. */
async function tryRepair(
  sick: Sick | Undescribed,
  helpers: Helpers,
  context: Context,
): Promise<RepairedBackup | null> {
  const { filename } = sick
  const nothing = { filename, at: null, from: null, metadata: false, packs: 0, bytes: 0 }
  try {
    if (isDescribed(sick)) return { ...nothing, ...(await repair(sick, helpers, context)) }
    const from = await bringBackMetadata(sick, helpers.targets, context)
    // Somebody else may have been faster.
    const known = await findSick(filename, context)
    if (isDescribed(known)) {
      const { status, ...repaired } = await repair(known, helpers, context)
      const metadata = from !== null
      return {
        ...nothing,
        ...repaired,
        status: metadata ? 'repaired' : status,
        metadata,
        from: repaired.from ?? from,
      }
    }
    if (!helpers.isNamed && sick.metadataState === 'missing') return null
    throw undescribed(sick)
  } catch (error) {
    const { success: _, ...failure } = toFailure(error)
    if (failure.code === 'CANCELLED') throw error
    return { ...nothing, status: 'failed', ...failure }
  }
}

type Repaired = Pick<RepairedBackup, 'status' | 'from' | 'packs' | 'bytes' | 'code' | 'message' | 'hint'>

async function repair(
  sick: Sick,
  { targets, open, identity }: Omit<Helpers, 'isNamed'>,
  context: Context,
): Promise<Repaired> {
  const { settings, signal } = context
  await using work = await WorkDirectory.open(settings.backupDir, signal)
  const noHelp = new NoHelp()
  begin(context, 'verify-backup')
  let file: string | null = null
  let from: string | null = null
  if (!(await isAsStored(sick, context))) {
    begin(context, 'fetch-backup')
    file = work.file('stored-file')
    from = await fetchGoodFile(sick, { file, targets, noHelp }, context)
    if (from === null) throw noHelp.error(sick)
  }
  const pages = await pagesIn(sick, file ?? sick.path)
  const lost = await findLostPacks(pages, open, context)
  if (lost.length > 0) {
    begin(context, 'fetch-backup')
    if (!(await fetchPacks(lost, { targets, work, open, noHelp }, context))) throw noHelp.error(sick)
  }
  if (file !== null || lost.length > 0) {
    const repaired = await put(sick, { file, from, lost, work, open, isProven: false }, context)
    return isDamagedAsStored(sick.metadata) ? await lookAgain(sick, repaired, identity, context) : repaired
  }
  const { damage, isProven } = await lookInto(sick, identity, context)
  if (damage !== null) throw damage
  return await put(sick, { file, from, lost, work, open, isProven }, context)
}

/** Of one that was damaged when it was stored, only the bytes are mended: what is in them is as good or bad as it was. */
async function lookAgain(
  sick: Sick,
  repaired: Repaired,
  identity: string | undefined,
  context: Context,
): Promise<Repaired> {
  const whole = { ...sick, size: sick.metadata.file_size }
  const { damage } = await lookInto(whole, identity, context)
  if (damage !== null) {
    const { success: _, ...failure } = toFailure(damage)
    return { ...repaired, ...failure }
  }
  await recordVerification(whole, { isIntact: true, isAsStored: false }, context)
  return repaired
}

interface Prepared {
  /** The file that is to take the other's place; null where that one is whole. */
  readonly file: string | null
  readonly from: string | null
  readonly lost: readonly LostPack[]
  readonly work: WorkDirectory
  readonly open: OpenKeyFile
  /** Whether a full check of what is here has just passed. */
  readonly isProven: boolean
}

/** Under the catalog's lock: packs first, so that the file never names what is not there; what was noted of it last. */
async function put(
  sick: Sick,
  { file, from, lost, work, open, isProven }: Prepared,
  context: Context,
): Promise<Repaired> {
  const { backupDir, waitForLockMs } = context.settings
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(backupDir, { waitMs: waitForLockMs, signal: context.signal })
  const { metadata } = await readMetadata(metadataPath(backupDir, sick.filename))
  if (metadata?.checksum !== sick.metadata.checksum) throw goneMeanwhile(sick)
  const placed = lost.length === 0 ? { packs: 0, bytes: 0 } : await putPacks(lost, { work, open }, context)
  // Somebody else may have been faster.
  const isReplaced = file !== null && !(await isAsStored(sick, context))
  if (isReplaced) await putFile(file, sick, context)
  // What was found in the very bytes that are here again only a full check takes back.
  const isStill = isDamagedAsStored(metadata) && !isProven
  if (metadata.damaged_at !== undefined && !isStill) {
    // What nobody had looked into is not vouched for by being what was stored.
    const isChecked = metadata.check === 'quick' || metadata.check === 'full'
    const at = isChecked ? context.now().toISOString() : null
    await replaceMetadata(
      sick,
      { damaged_at: undefined, damaged_as_stored: undefined, verified_at: at },
      context,
    )
  }
  return {
    status: isReplaced || placed.packs > 0 ? 'repaired' : 'intact',
    from: isReplaced ? from : null,
    packs: placed.packs,
    bytes: placed.bytes + (isReplaced ? metadata.file_size : 0),
  }
}

async function putFile(file: string, { path }: Sick, context: Context): Promise<void> {
  const { fileMode, directoryMode } = context.settings
  const durability = durabilityOf(context)
  await makeDirectory(dirname(path), directoryMode, durability)
  await during('set the mode of', file, () => chmod(file, fileMode))
  await syncFile(file, durability)
  await renameDurably(file, path, durability)
}

/** What a backup of pages relies on; nothing for one that is all in its own file. Throws `BACKUP_DAMAGED`. */
async function pagesIn({ encoding, path }: Sick, file: string): Promise<ReadonlyMap<string, Slots>> {
  if (encoding !== 'blocks') return new Map()
  const bytes = await during('read', file, () => readFile(file))
  return pagesOf(parseRestorePoint(bytes, path))
}

function noTargets(): BackupError {
  return new BackupError('INVALID_ARGUMENT', 'There is no target to repair backups from', {
    hint: 'Name targets in the configuration: see docs/targets.md.',
  })
}

function goneMeanwhile({ path }: Sick): BackupError {
  return new BackupError('BACKUP_NOT_FOUND', `The backup was deleted or replaced meanwhile: ${path}`, {
    hint: 'See what there is now with: chame-backup list.',
    path,
  })
}
