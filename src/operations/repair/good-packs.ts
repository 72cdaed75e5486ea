/** Bringing back packs that a backup of pages relies on from whichever target has their pages. */
import { copyFile } from 'node:fs/promises'
import { unlessDamaged } from '../../blocks/damage.ts'
import type { OpenKeyFile } from '../../blocks/key-files.ts'
import type { Slots } from '../../blocks/live-pages.ts'
import { mergePacks } from '../../blocks/merge-packs.ts'
import { PackFile } from '../../blocks/pack-file.ts'
import { lockForCollecting } from '../../blocks/readers-lock.ts'
import { packPath, publishPacks } from '../../blocks/store.ts'
import { findWhole } from '../../blocks/whole-pages.ts'
import { packKey } from '../../catalog/target-keys.ts'
import type { WorkDirectory } from '../../catalog/work-directory.ts'
import { BackupError, throwIfCancelled, toFailure } from '../../errors.ts'
import { removeFile, requireSpace } from '../../storage/durable.ts'
import { during } from '../../storage/io-errors.ts'
import { blockStoreOf } from '../block-store.ts'
import type { Context } from '../context.ts'
import { FETCHED_BYTES_MAX, fetchAsItIs } from '../fetch-blocks.ts'
import { PacksAtTarget } from '../packs-at-target.ts'
import { withTarget } from '../target-access.ts'
import { type NoHelp, OF_HERE } from './good-file.ts'

const SPACE_RESERVE_BYTES = 1 << 20

/** A pack of which pages are lost here, and what was fetched of it. */
export interface LostPack {
  readonly id: string
  /** What the backup needs of it. */
  readonly needed: Slots
  /** Files of it from targets. */
  readonly fetched: string[]
}

/** Which packs lack pages that are needed, or have them damaged. Reads all of them. */
export async function findLostPacks(
  pages: ReadonlyMap<string, Slots>,
  open: OpenKeyFile,
  context: Context,
): Promise<LostPack[]> {
  const lost: LostPack[] = []
  for (const [id, needed] of pages) {
    throwIfCancelled(context.signal)
    if (!(await isEnough(packPath(blockStoreOf(context), id), id, needed, open)))
      lost.push({ id, needed, fetched: [] })
  }
  return lost
}

/** Fetches what targets have of the packs, from one after another, until all that is needed of each is here. */
export async function fetchPacks(
  lost: readonly LostPack[],
  { targets, work, open, noHelp }: PackFetching,
  context: Context,
): Promise<boolean> {
  let left = lost
  for (const name of targets) {
    try {
      await withTarget(name, context, async target => {
        const packs = new PacksAtTarget(target, context.signal)
        await packs.look(
          left.map(({ id }) => id),
          { isAnew: false },
        )
        for (const pack of left) await fetchOne(pack, packs, { work, noHelp }, context)
      })
    } catch (error) {
      const failure = toFailure(error)
      if (OF_HERE.has(failure.code)) throw error
      noHelp.noteFailure(name, failure)
    }
    const still: LostPack[] = []
    for (const pack of left) if (!(await canBeMade(pack, { work, open }, context))) still.push(pack)
    left = still
    if (left.length === 0) return true
  }
  return false
}

export interface PackFetching {
  readonly targets: readonly string[]
  readonly work: WorkDirectory
  readonly open: OpenKeyFile
  readonly noHelp: NoHelp
}

async function fetchOne(
  { id, fetched }: LostPack,
  packs: PacksAtTarget,
  { work, noHelp }: Pick<PackFetching, 'work' | 'noHelp'>,
  context: Context,
): Promise<void> {
  const { name } = packs.target
  const sizeBytes = packs.sizeOf(id)
  if (sizeBytes === null || sizeBytes > FETCHED_BYTES_MAX) {
    noHelp.note(name, `it has no ${packKey(id)}`)
    return
  }
  await requireSpace(work.path, 2 * sizeBytes + SPACE_RESERVE_BYTES, 'a pack that is fetched')
  const path = work.file(`${fetched.length}-${id}.pack`)
  const [problem] = await fetchAsItIs(id, path, packs, { signal: context.signal, onBytes: () => {} })
  if (problem === undefined && (await canBeRead(path, id))) fetched.push(path)
  else {
    noHelp.note(name, problem?.message ?? `${packKey(id)} is not what was put there`)
    await removeFile(path)
  }
}

/** One that is another pack, or of which nothing can be read, is of no use. */
async function canBeRead(path: string, id: string): Promise<boolean> {
  const opened = await unlessDamaged(() => PackFile.open(path, id))
  opened?.[Symbol.dispose]()
  return opened !== null
}

async function canBeMade(
  pack: LostPack,
  { work, open }: Pick<PackFetching, 'work' | 'open'>,
  context: Context,
): Promise<boolean> {
  if (pack.fetched.length === 0) return false
  const made = await make(pack, { work, open }, context)
  const isGood = made !== null && (await isEnough(made, pack.id, pack.needed, open))
  if (made !== null) await removeFile(made)
  return isGood
}

/**
 * Makes of what is here and of what was fetched a file with every page that any of them has, each held against its name;
 * what is whole here is taken from here. Null where nothing can be made.
 */
async function make(
  { id, fetched }: LostPack,
  { work, open }: Pick<PackFetching, 'work' | 'open'>,
  context: Context,
): Promise<string | null> {
  const here = packPath(blockStoreOf(context), id)
  const parts = (await canBeRead(here, id)) ? [here, ...fetched] : fetched
  let made: string | null = null
  for (const [index, part] of parts.entries()) {
    const path = work.file(`made-${index}-${id}.pack`)
    if (made === null) await during('copy', part, () => copyFile(part, path))
    else {
      using one = await openWith(made, id, open)
      using other = await openWith(part, id, open)
      await mergePacks(one, other, path, { isFirstKept: true })
      await removeFile(made)
    }
    made = path
  }
  return made
}

/** One whose key is damaged stays locked. */
async function openWith(path: string, id: string, open: OpenKeyFile): Promise<PackFile> {
  using held = new DisposableStack()
  const pack = held.use(PackFile.open(path, id))
  await unlessDamaged(() => pack.unlockIfPossible(open))
  held.move()
  return pack
}

/** Whether the pages that are needed are in the file, each as it was written. */
async function isEnough(path: string, id: string, needed: Slots, open: OpenKeyFile): Promise<boolean> {
  const whole = await unlessDamaged(async () => {
    using pack = PackFile.open(path, id)
    await pack.unlockIfPossible(open)
    return await findWhole(pack)
  })
  return whole !== null && needed.beyond(whole).next().done === true
}

/**
 * Puts packs in their places, each in one step. For the holder of the catalog's lock. They are made of what is there now:
 * meanwhile a backup may have come that relies on more of one than anybody had fetched. Resolves to their bytes.
 */
export async function putPacks(
  lost: readonly LostPack[],
  { work, open }: Pick<PackFetching, 'work' | 'open'>,
  context: Context,
): Promise<{ readonly packs: number; readonly bytes: number }> {
  const { settings, signal } = context
  const store = blockStoreOf(context)
  using lock = await lockForCollecting(store, { waitMs: settings.waitForLockMs, signal })
  if (lock === null) throw beingRead(settings.backupDir)
  let [packs, bytes] = [0, 0]
  for (const pack of lost) {
    const { id, needed } = pack
    // Somebody else was faster.
    if (await isEnough(packPath(store, id), id, needed, open)) continue
    const file = await make(pack, { work, open }, context)
    if (file === null || !(await isEnough(file, id, needed, open))) throw changed(packPath(store, id))
    using made = PackFile.open(file, id)
    await publishPacks([{ file, id, sizeBytes: made.sizeBytes }], store)
    packs += 1
    bytes += made.sizeBytes
  }
  return { packs, bytes }
}

function beingRead(backupDir: string): BackupError {
  return new BackupError(
    'CATALOG_LOCKED',
    `Somebody is reading packs in this backup directory, so that none was replaced: ${backupDir}`,
    { hint: 'Let it finish and try again, or raise waitForLockMs.', path: backupDir },
  )
}

function changed(path: string): BackupError {
  return new BackupError('BACKUP_DAMAGED', `The pack has lost more pages while it was repaired: ${path}`, {
    hint: 'Look for the cause: the disk, or whoever writes there. Then try again.',
    path,
  })
}
