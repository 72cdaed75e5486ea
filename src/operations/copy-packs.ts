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
 *
 * Where the backup is at another target itself, each pack that is lacking is brought here for as long as it takes to send.
 */
import { damaged, isDamage } from '../blocks/damage.ts'
import type { Slots } from '../blocks/live-pages.ts'
import { mergePacks } from '../blocks/merge-packs.ts'
import { PackFile } from '../blocks/pack-file.ts'
import { findLost, findWhole } from '../blocks/whole-pages.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { packKey } from '../catalog/target-keys.ts'
import type { WorkDirectory } from '../catalog/work-directory.ts'
import { hashFile } from '../snapshot/hash.ts'
import { RawFile } from '../snapshot/source-files.ts'
import { removeFile } from '../storage/durable.ts'
import { inParallel } from '../storage/in-parallel.ts'
import type { Target } from '../storage/target.ts'
import { contentOfFile } from './backup-files.ts'
import type { Context } from './context.ts'
import { fetchPack } from './fetch-blocks.ts'
import { openWork } from './open-work.ts'
import { requireStaying } from './pack-marks.ts'
import { openPackSource, type PackSource } from './pack-sources.ts'
import type { PacksAtTarget } from './packs-at-target.ts'

const PACKS_AT_ONCE = 3
const FETCHES_MAX = 2

export interface SendPacks {
  /** Whether what is at the target was found damaged, and is to be read and mended. */
  readonly isMending: boolean
  readonly onBytes: (doneBytes: number) => void
}

/** The packs of one backup, on their way to a target. Until it is disposed of no clean-up here touches them. */
export class PackCopy implements AsyncDisposable {
  readonly #source: PackSource
  readonly #context: Context
  readonly #held: AsyncDisposableStack
  #work: WorkDirectory | null = null
  /** Bytes of the packs at the target that are known to be right. */
  readonly #settled = new Map<string, number>()
  /** How many were put. */
  putPacks = 0

  private constructor(source: PackSource, held: AsyncDisposableStack, context: Context) {
    this.#source = source
    this.#held = held
    this.#context = context
  }

  static async open(backup: BackupInfo, context: Context): Promise<PackCopy> {
    await using held = new AsyncDisposableStack()
    const source = await openPackSource(backup, held, context)
    return new PackCopy(source, held.move(), context)
  }

  /** Puts what the target lacks; resolves to the bytes that were sent. Throws `BACKUP_DAMAGED` for what is damaged here. */
  async sendTo(packs: PacksAtTarget, { isMending, onBytes }: SendPacks): Promise<number> {
    const ids = [...this.#source.needed.keys()]
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
    await requireStaying(this.#source.needed, target, this.#context)
  }

  /** Makes one pack right at the target; resolves to the bytes that were sent. */
  async #settle(id: string, packs: PacksAtTarget, isMending: boolean): Promise<number> {
    const needed = this.#source.needed.get(id) as Slots
    // Whoever has put it meanwhile may rely on more of it than we have.
    if (packs.sizeOf(id) === null) await packs.look([id], { isAnew: true })
    const sizeBytes = packs.sizeOf(id)
    const isRight =
      sizeBytes !== null &&
      (isMending ? packs.areWhole(id, needed) : await this.#source.seemsRight(id, packs))
    if (isRight) {
      this.#settled.set(id, sizeBytes)
      return 0
    }
    if (sizeBytes !== null) return await this.#mend(id, needed, packs)
    return await this.#source.use(id, mine => this.#putMine(mine, needed, packs))
  }

  async #putMine(mine: PackFile, needed: Slots, packs: PacksAtTarget): Promise<number> {
    mine.checkKey()
    await requireWhole(mine, needed)
    return await this.#put(mine.id, mine.path, packs)
  }

  /** Reads what is there, and puts all of it together with what the source has, unless it has what is needed. */
  async #mend(id: string, needed: Slots, packs: PacksAtTarget): Promise<number> {
    this.#work ??= this.#held.use(await openWork(this.#context))
    const fetched = this.#work.file(`there-${id}.pack`)
    try {
      using there = await this.#fetch(id, fetched, packs)
      const thereWhole = there?.isKeyWhole === true ? await findWhole(there) : null
      if (thereWhole !== null && isAmong(needed, thereWhole)) {
        packs.noteWhole(id, thereWhole)
        this.#settled.set(id, packs.bytesOf(id))
        return 0
      }
      return await this.#source.use(id, mine =>
        there === null ? this.#putMine(mine, needed, packs) : this.#putMerged(mine, there, needed, packs),
      )
    } finally {
      await removeFile(fetched)
    }
  }

  async #putMerged(mine: PackFile, there: PackFile, needed: Slots, packs: PacksAtTarget): Promise<number> {
    const merged = (this.#work as WorkDirectory).file(`merged-${mine.id}.pack`)
    try {
      await mergePacks(mine, there, merged)
      const whole = await wholeIn(merged, mine.id)
      if (!isAmong(needed, whole)) throw damaged(mine.path, 'a page is not what was written')
      const sentBytes = await this.#put(mine.id, merged, packs)
      packs.noteWhole(mine.id, whole)
      return sentBytes
    } finally {
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
    this.putPacks += 1
    return sizeBytes
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#held.disposeAsync()
  }
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
