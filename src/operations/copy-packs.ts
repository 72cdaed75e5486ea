/**
 * Copying the packs that a backup of pages relies on, before the backup itself.
 *
 * What the target has is left exactly as it is wherever that will do. Here, a clean-up writes packs anew under the same
 * name, with those pages only that live here; what lies at the target may be what older backups there rely on, so the
 * shorter file must not take the place of the longer one. A pack here always has all pages that any backup here relies
 * on, those of the backups to come included as these refer only to pages that are there. So a pack that is copied
 * at any time is right for all backups copied later, with three exceptions, which is why the pages are looked for: a pack
 * that was shortened here may come into being again as a whole, when a database gets back content that it had before
 * and nobody remembers where it is stored; another machine whose database was once the same has the same packs,
 * shortened in its own way; and a cleanup at the target drops what no backup there needs. Where a target lacks pages
 * so, or has them damaged, the pack gets put that has every page of either. No page that can be read is lost at a target by copying, unless two machines mend one pack at the same instant;
 * the look at the end sees that from another size, and begins anew.
 *
 * No key is needed for encrypted packs: their bytes are checked and merged as they are stored, group by group. Each has a
 * key of its own, and is made once and nowhere else, so that the first two exceptions do not occur; and at a target only
 * whole groups are dropped, so that of two files of a group one has all pages of the other.
 */
import { readFile } from 'node:fs/promises'
import { damaged, isDamage } from '../blocks/damage.ts'
import { pagesOf, type Slots } from '../blocks/live-pages.ts'
import { mergePacks } from '../blocks/merge-packs.ts'
import { PackFile } from '../blocks/pack-file.ts'
import { presentBetween } from '../blocks/pack-index.ts'
import { parsePackState, stateBytes } from '../blocks/pack-state.ts'
import { lockForReading } from '../blocks/readers-lock.ts'
import { parseRestorePoint } from '../blocks/restore-point.ts'
import { type BlockStore, packPath } from '../blocks/store.ts'
import { findLost, findWhole, hasAll } from '../blocks/whole-pages.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { packKey } from '../catalog/target-keys.ts'
import type { WorkDirectory } from '../catalog/work-directory.ts'
import { hashFile } from '../snapshot/hash.ts'
import { RawFile } from '../snapshot/source-files.ts'
import { removeFile } from '../storage/durable.ts'
import { inParallel } from '../storage/in-parallel.ts'
import { during } from '../storage/io-errors.ts'
import { isOfObject } from '../storage/target-failure.ts'
import type { Target } from '../storage/target.ts'
import { contentOfFile } from './backup-files.ts'
import { storeBeside } from './block-store.ts'
import { expectedOf } from './check-stored.ts'
import type { Context } from './context.ts'
import { type BackupAtTarget, fetchBlocks, fetchPack } from './fetch-blocks.ts'
import { damagedBackup } from './find-intact.ts'
import { openWork } from './open-work.ts'
import { requireStaying } from './pack-marks.ts'
import type { PacksAtTarget } from './packs-at-target.ts'

const PACKS_AT_ONCE = 3
const FETCHES_MAX = 2

export interface SendPacks {
  /** Whether what is at the target was found damaged, and is to be read and mended. */
  readonly isMending: boolean
  readonly onBytes: (doneBytes: number) => void
}

interface PacksHere {
  readonly store: Pick<BlockStore, 'backupDir'>
  /** The pages that the backup relies on, by the pack's id. */
  readonly needed: ReadonlyMap<string, Slots>
}

/** The packs of one backup, on their way to a target. Until it is disposed of no clean-up here touches them. */
export class PackCopy implements AsyncDisposable {
  readonly #store: PacksHere['store']
  readonly #needed: PacksHere['needed']
  readonly #context: Context
  readonly #held: AsyncDisposableStack
  #work: WorkDirectory | null = null
  /** Bytes of the packs at the target that are known to be right. */
  readonly #settled = new Map<string, number>()

  private constructor({ store, needed }: PacksHere, held: AsyncDisposableStack, context: Context) {
    this.#store = store
    this.#needed = needed
    this.#held = held
    this.#context = context
  }

  /** Where the backup is at a target itself, it is brought here first. */
  static async open(backup: BackupInfo, context: Context): Promise<PackCopy> {
    const { signal, settings } = context
    await using held = new AsyncDisposableStack()
    const here = isAtTarget(backup) ? await fetchWhole(backup, held, context) : backup
    const store = storeBeside(here)
    // Before its file is read: once a clean-up has ended, either it is gone, or all that it relies on is there.
    held.use(await lockForReading(store, { waitMs: settings.waitForLockMs, signal }))
    const point = parseRestorePoint(await during('read', here.path, () => readFile(here.path)), here.path)
    return new PackCopy({ store, needed: pagesOf(point) }, held.move(), context)
  }

  /** Puts what the target lacks; resolves to the bytes that were sent. Throws `BACKUP_DAMAGED` for what is damaged here. */
  async sendTo(packs: PacksAtTarget, { isMending, onBytes }: SendPacks): Promise<number> {
    const ids = [...this.#needed.keys()]
    await packs.look(ids, { isAnew: this.#settled.size > 0 })
    const unsettled = ids.filter(id => this.#settled.get(id) !== (packs.sizeOf(id) ?? -1))
    let sentBytes = 0
    await inParallel(unsettled, PACKS_AT_ONCE, id =>
      packs.inTurn(id, async () => {
        sentBytes += await this.#settle(id, packs, isMending)
        onBytes(sentBytes)
      }),
    )
    return sentBytes
  }

  /**
   * Throws `CATALOG_LOCKED` while a cleanup at the target drops what the backup needs. To be asked once its file is there,
   * and before the packs are looked for the last time.
   */
  async requireStaying(target: Target): Promise<void> {
    await requireStaying(this.#needed, target, this.#context)
  }

  /** Makes one pack right at the target; resolves to the bytes that were sent. */
  async #settle(id: string, packs: PacksAtTarget, isMending: boolean): Promise<number> {
    using mine = PackFile.open(packPath(this.#store, id), id)
    const needed = this.#needed.get(id) as Slots
    // Whoever has put it meanwhile may rely on more of it than we have.
    if (packs.sizeOf(id) === null) await packs.look([id], { isAnew: true })
    const sizeBytes = packs.sizeOf(id)
    if (sizeBytes === null) return await this.#putMine(mine, needed, packs)
    const isRight = isMending
      ? packs.areWhole(id, needed)
      : await this.#seemsRight(mine, needed, packs, sizeBytes)
    if (isRight) {
      this.#settled.set(id, sizeBytes)
      return 0
    }
    return await this.#mend(mine, needed, packs)
  }

  async #putMine(mine: PackFile, needed: Slots, packs: PacksAtTarget): Promise<number> {
    mine.checkKey()
    await requireWhole(mine, needed)
    return await this.#put(mine.id, mine.path, packs)
  }

  /** By what it says of itself. What its pages are worth is for a verification to find. */
  async #seemsRight(
    mine: PackFile,
    needed: Slots,
    { target }: PacksAtTarget,
    sizeBytes: number,
  ): Promise<boolean> {
    const { id, index, path } = mine
    const isFull = presentBetween(index, 0, index.pageCount) === index.pageCount
    // Nothing was ever dropped here, and any page less there would make it shorter.
    if (isFull && mine.sizeBytes === sizeBytes) return true
    const length = stateBytes(index)
    if (sizeBytes <= length) return false
    const range = { from: sizeBytes - length, length }
    try {
      const parts = await Array.fromAsync(target.get(packKey(id), { signal: this.#context.signal, range }))
      return hasAll(parsePackState(Buffer.concat(parts), index, sizeBytes, path), needed)
    } catch (error) {
      if (isDamage(error) || isOfObject(error)) return false
      throw error
    }
  }

  /** Reads what is there, and puts all of it together with what is here, unless it has what is needed. */
  async #mend(mine: PackFile, needed: Slots, packs: PacksAtTarget): Promise<number> {
    this.#work ??= this.#held.use(await openWork(this.#context))
    const [fetched, merged] = ['there', 'merged'].map(name =>
      (this.#work as WorkDirectory).file(`${name}-${mine.id}.pack`),
    ) as [string, string]
    try {
      using there = await this.#fetch(mine.id, fetched, packs)
      if (there === null) return await this.#putMine(mine, needed, packs)
      const thereWhole = there.isKeyWhole ? await findWhole(there) : null
      if (thereWhole !== null && isAmong(needed, thereWhole)) {
        packs.noteWhole(mine.id, thereWhole)
        this.#settled.set(mine.id, packs.sizeOf(mine.id) ?? 0)
        return 0
      }
      await mergePacks(mine, there, merged)
      const mergedWhole = await wholeIn(merged, mine.id)
      if (!isAmong(needed, mergedWhole)) throw damaged(mine.path, 'a page is not what was written')
      const sentBytes = await this.#put(mine.id, merged, packs)
      packs.noteWhole(mine.id, mergedWhole)
      return sentBytes
    } finally {
      await removeFile(fetched)
      await removeFile(merged)
    }
  }

  /**
   * Null for one of which nothing can be read. What is known of it may be old, and the file another machine's by now:
   * it is given up only after another look.
   */
  async #fetch(id: string, path: string, packs: PacksAtTarget): Promise<PackFile | null> {
    const { signal } = this.#context
    for (let attempt = 1; attempt <= FETCHES_MAX; attempt++) {
      await packs.look([id], { isAnew: true })
      if (packs.sizeOf(id) === null) return null
      await removeFile(path)
      const problems = await fetchPack(id, path, packs, { signal, onBytes: () => {} })
      const there = problems.length === 0 ? openUnlessDamaged(path, id) : null
      if (there !== null) return there
    }
    return null
  }

  async #put(id: string, path: string, packs: PacksAtTarget): Promise<number> {
    const { signal } = this.#context
    using file = new RawFile(path)
    const sizeBytes = file.size
    const sha256 = await hashFile(file.fd, sizeBytes, path, { signal })
    await packs.target.put(packKey(id), contentOfFile(path, { sizeBytes, sha256 }), { signal })
    packs.note(id, sizeBytes)
    this.#settled.set(id, sizeBytes)
    return sizeBytes
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#held.disposeAsync()
  }
}

async function fetchWhole(
  backup: BackupAtTarget,
  held: AsyncDisposableStack,
  context: Context,
): Promise<BackupInfo> {
  const work = held.use(await openWork(context))
  const order = { root: work.file('store'), expected: expectedOf(backup), reserveBytes: 0 }
  const fetched = await fetchBlocks(backup, order, context)
  if (fetched.problems.length > 0) throw damagedBackup(backup, fetched.problems)
  return fetched.backup
}

function isAtTarget(backup: BackupInfo): backup is BackupAtTarget {
  return backup.target !== null
}

/** What is damaged here is copied nowhere. */
async function requireWhole(pack: PackFile, needed: Slots): Promise<void> {
  const slot = await findLost(pack, needed)
  if (slot !== null) throw damaged(pack.path, `page ${slot} of the pack is not what was written`)
}

async function wholeIn(path: string, id: string): Promise<Slots> {
  using pack = PackFile.open(path, id)
  return await findWhole(pack)
}

function isAmong(needed: Slots, pages: Slots): boolean {
  return needed.beyond(pages).next().done === true
}

function openUnlessDamaged(path: string, id: string): PackFile | null {
  try {
    return PackFile.open(path, id)
  } catch (error) {
    if (isDamage(error)) return null
    throw error
  }
}
