/**
 * What a new backup of pages at a target builds upon: the last one that was made there from here, as far as it is still
 * there with all of its pages. Only its fingerprints are kept here, as a cache; all else is asked of the target, each time.
 */
import { dirname, join } from 'node:path'
import { isDamage } from '../blocks/damage.ts'
import { type Fingerprints, readFingerprintFile, writeFingerprintFile } from '../blocks/fingerprints.ts'
import { openNothing } from '../blocks/key-files.ts'
import { pagesOf, type Slots } from '../blocks/live-pages.ts'
import type { Sealing } from '../blocks/open-sealing.ts'
import type { PackIndex } from '../blocks/pack-index.ts'
import { packCount, packId, parseRestorePoint, type RestorePoint, sha256 } from '../blocks/restore-point.ts'
import type { Base } from '../blocks/send-restore-point.ts'
import { hasAll } from '../blocks/whole-pages.ts'
import type { WorkDirectory } from '../catalog/work-directory.ts'
import { makeDirectory } from '../storage/durable.ts'
import { inParallel } from '../storage/in-parallel.ts'
import { readObject } from '../storage/read-object.ts'
import { isOfObject } from '../storage/target-failure.ts'
import type { Target } from '../storage/target.ts'
import type { Context } from './context.ts'
import { type PackReading, readPack } from './copies/read-pack.ts'
import type { DoubtedAtTarget } from './doubted-at-target.ts'
import { fetchPackIndex } from './pack-index-at-target.ts'
import type { PacksAtTarget } from './packs-at-target.ts'

const INDEXES_AT_ONCE = 8
/** Indexes that are kept in memory; of packs beyond that, runs that have changed are stored as a whole. */
const INDEX_BYTES_MAX = 48 << 20
const RESTORE_POINT_BYTES_MAX = 256 << 20

export interface BaseOrder {
  readonly sealing: Sealing
  /** Where packs are fetched to that are read again. */
  readonly work: WorkDirectory
  readonly doubted: DoubtedAtTarget
}

/** Null where there is nothing to build upon: then every page is sent. */
export async function readBase(
  packs: PacksAtTarget,
  { sealing, work, doubted }: BaseOrder,
  context: Context,
): Promise<Base | null> {
  const { target } = packs
  const fingerprints = await readFingerprintFile(basePath(target, context), sealing)
  const point = fingerprints === null ? null : await fetchPoint(target, fingerprints, context)
  if (fingerprints === null || point === null) return null
  const ids = Array.from({ length: packCount(point) }, (_, pack) => packId(point, pack))
  const needed = pagesOf(point)
  await packs.look(ids, { isAnew: true })
  const unfit = await findUnfit(ids, doubted, { packs, work, open: openNothing, signal: context.signal })
  const indexes = new Map<string, PackIndex>()
  let indexBytes = 0
  const there = await inParallel(ids, INDEXES_AT_ONCE, async id => {
    if (unfit.has(id)) return false
    const index = await fetchPackIndex(id, packs, context.signal)
    if (index === null || !hasAll(index, needed.get(id) as Slots)) return false
    indexBytes += index.hashes.length
    if (indexBytes <= INDEX_BYTES_MAX) indexes.set(id, index)
    return true
  })
  return { point, fingerprints, packs: { there, readIndex: id => indexes.get(id) ?? null } }
}

/**
 * Those of the packs in which damage was found, and is still. They are read, one after another, as each is here for that:
 * of a backup that was found damaged as a whole most are whole, and fetching one costs no more than sending its pages.
 */
async function findUnfit(
  ids: readonly string[],
  doubted: DoubtedAtTarget,
  reading: PackReading,
): Promise<ReadonlySet<string>> {
  const unfit = new Set<string>()
  for (const id of ids.filter(each => doubted.has(each))) {
    const { isAllWhole } = await readPack(id, reading)
    if (isAllWhole) await doubted.trust(id)
    else unfit.add(id)
  }
  return unfit
}

/** Keeps what the next backup there needs to know. It is no loss: a failure of that is none of the backup. */
export async function keepBase(target: Target, fingerprints: Fingerprints, context: Context): Promise<void> {
  const path = basePath(target, context)
  await makeDirectory(dirname(path), context.settings.directoryMode, { isDurable: false })
  await writeFingerprintFile(fingerprints, path)
}

function basePath({ name }: Target, { settings }: Context): string {
  return join(settings.backupDir, 'targets', name, `${settings.name}.fingerprints`)
}

/** The restore point that fingerprints are about; null when it is gone, or is another by now. */
async function fetchPoint(
  target: Target,
  { restorePoint, checksum }: Fingerprints,
  { signal }: Context,
): Promise<RestorePoint | null> {
  try {
    const bytes = Buffer.from(
      await readObject(target, restorePoint, { signal, bytesMax: RESTORE_POINT_BYTES_MAX }),
    )
    if (sha256(bytes).toString('hex') !== checksum) return null
    return parseRestorePoint(bytes, restorePoint)
  } catch (error) {
    if (isOfObject(error) || isDamage(error)) return null
    throw error
  }
}
