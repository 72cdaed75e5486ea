/**
 * Sending a backup of pages to a target as its database is read: new pages go there in packs of which one at a time is
 * here, and the backup's own file is put last. Killed before that, what is there are packs that nobody refers to, and a
 * mark, which cleanups there remove after a day.
 */
import { type OnPack, requireReadable } from '../blocks/new-packs.ts'
import { openSealing, type Sealing } from '../blocks/open-sealing.ts'
import { RestorePointSender } from '../blocks/send-restore-point.ts'
import type { WrittenPack } from '../blocks/pack-writer.ts'
import { CatalogLock } from '../catalog/lock.ts'
import { packKey } from '../catalog/target-keys.ts'
import { WorkDirectory } from '../catalog/work-directory.ts'
import type { Slots } from '../blocks/live-pages.ts'
import { Tap } from '../encoding/bytes.ts'
import { BackupError } from '../errors.ts'
import { hashFile } from '../snapshot/hash.ts'
import { type Image, imageSize } from '../snapshot/image.ts'
import { RawFile } from '../snapshot/source-files.ts'
import { makeDirectory, removeFile } from '../storage/durable.ts'
import { orProblemOf } from '../storage/target-failure.ts'
import type { Target } from '../storage/target.ts'
import { contentOfFile } from './backup-files.ts'
import { blockStoreOf, readableFile, readableImage } from './block-store.ts'
import { keepBase, readBase } from './blocks-base.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import { checkPinned } from './encode-image.ts'
import { DoubtedAtTarget } from './doubted-at-target.ts'
import { PacksAtTarget } from './packs-at-target.ts'
import { requireStaying } from './pack-marks.ts'
import type { BlocksOrder } from './stage-blocks.ts'
import { checkTaken, notSent, type Streamed, takeToSend } from './stream-image.ts'

export interface SentBlocks extends Streamed {
  /** What the target's objects grew by. */
  readonly addedBytes: number
}

/** @param place.key the backup's own file, whose name is ours */
export async function sendBlocks(
  order: BlocksOrder,
  place: { readonly target: Target; readonly key: string },
  context: Context,
): Promise<SentBlocks> {
  const { settings, signal } = context
  const { target, key } = place
  await makeDirectory(settings.backupDir, settings.directoryMode, durabilityOf(context))
  await using work = await WorkDirectory.open(settings.backupDir, signal)
  const sealing = await openSealingAlone(order, context)
  const packs = new PacksAtTarget(target, signal)
  const doubted = await DoubtedAtTarget.open(target.name, context)
  const base = await readBase(packs, { sealing, work, doubted }, context)
  const sent = new SentPacks({ packs, doubted }, order, context)
  const file = (name: string): string => work.file(name)
  await using sender = new RestorePointSender({ sealing, base, file, onPack: sent.send })
  const pages = new PinnedPages(sender, order, context)
  const image = await takeToSend(order, { work, sender: pages }, context)
  const structure = image.isCopied ? await checkTaken(image, order, context) : pages.structure
  if (image.isCopied) {
    using copy = new RawFile(image.file)
    await pages.scan(readableFile(copy, image.pageSize), image.sizeBytes)
  }
  const { bytes, checksum, needed, fingerprints } = sender.finish(image.checksum)
  const open = async function* (from: number): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(from)
  }
  await target.put(key, { sizeBytes: bytes.length, sha256: checksum, open }, { signal })
  await sent.requireSame(key, checksum)
  await sent.requireThere(needed)
  return {
    image,
    structure,
    sizeBytes: bytes.length,
    checksum,
    addedBytes: bytes.length + sent.bytes,
    remember: () => keepBase(target, { ...fingerprints, restorePoint: key }, context),
  }
}

/** What names pages is made once for the backup directory: under the lock, and only for as long as that takes. */
async function openSealingAlone({ encoder }: BlocksOrder, context: Context): Promise<Sealing> {
  const { backupDir, waitForLockMs } = context.settings
  const wait = { waitMs: waitForLockMs, signal: context.signal }
  using _lock = encoder.to === null ? null : await CatalogLock.acquire(backupDir, wait)
  return await openSealing(blockStoreOf(context), encoder.to)
}

/** Packs on their way to the target. */
class SentPacks {
  readonly #packs: PacksAtTarget
  readonly #doubted: DoubtedAtTarget
  readonly #isReadBack: boolean
  readonly #context: Context
  /** Of those that were put. */
  bytes = 0

  constructor(
    { packs, doubted }: { readonly packs: PacksAtTarget; readonly doubted: DoubtedAtTarget },
    { check }: BlocksOrder,
    context: Context,
  ) {
    this.#packs = packs
    this.#doubted = doubted
    this.#isReadBack = check !== 'none'
    this.#context = context
  }

  /** Puts a pack, unless it is there as it is here, and removes it here. */
  readonly send: OnPack = async (pack, key) => {
    const { file, id, sizeBytes } = pack
    const { signal } = this.#context
    if (this.#isReadBack) await requireReadable(pack, key, signal)
    await this.#packs.look([id], { isAnew: true })
    if (!(await this.#isThere(pack))) {
      const sha256 = await this.#hash(file)
      await this.#packs.target.put(packKey(id), contentOfFile(file, { sizeBytes, sha256 }), { signal })
      await this.requireSame(packKey(id), sha256)
      this.#packs.note(id, sizeBytes)
      this.bytes += sizeBytes
    }
    await this.#doubted.trust(id)
    await removeFile(file)
  }

  /** One of this name has the same pages or fewer, as a cleanup drops some, or damaged ones. Ours has all of them. */
  async #isThere({ file, id, sizeBytes }: WrittenPack): Promise<boolean> {
    if (this.#packs.sizeOf(id) !== sizeBytes) return false
    if (!this.#doubted.has(id)) return true
    const checksum = await orProblemOf(() => this.#checksumOf(packKey(id)))
    return checksum === (await this.#hash(file))
  }

  /**
   * Once the backup's own file is there: from then on a cleanup leaves what it needs. Throws `CATALOG_LOCKED` where one
   * that had looked before has dropped some of it, or is going to.
   */
  async requireThere(needed: ReadonlyMap<string, Slots>): Promise<void> {
    const { target } = this.#packs
    await requireStaying(needed, target, this.#context)
    const before = new Map([...needed.keys()].map(id => [id, this.#packs.sizeOf(id)]))
    await this.#packs.look([...needed.keys()], { isAnew: true })
    for (const [id, sizeBytes] of before) if (this.#packs.sizeOf(id) !== sizeBytes) throw changed(target)
  }

  async #hash(path: string): Promise<string> {
    using file = new RawFile(path)
    return await hashFile(file.fd, file.size, path, { signal: this.#context.signal })
  }

  /** Reads back what was put, unless nobody asked for a check. Throws `OBJECT_DAMAGED`. */
  async requireSame(key: string, sha256: string): Promise<void> {
    if (!this.#isReadBack) return
    if ((await this.#checksumOf(key)) !== sha256) throw notSent(this.#packs.target, key)
  }

  async #checksumOf(key: string): Promise<string> {
    const tap = new Tap()
    for await (const _ of tap.through(this.#packs.target.get(key, { signal: this.#context.signal }))) continue
    return tap.seen().checksum
  }
}

/** Sends the pages of an image that a read transaction holds still, while SQLite checks it. */
class PinnedPages {
  readonly #sender: RestorePointSender
  readonly #order: BlocksOrder
  readonly #context: Context
  structure: Streamed['structure'] = null
  isBegun = false

  constructor(sender: RestorePointSender, order: BlocksOrder, context: Context) {
    this.#sender = sender
    this.#order = order
    this.#context = context
  }

  async sendPinned(image: Image): Promise<void> {
    this.isBegun = true
    const checking = checkPinned(image.path, this.#order.check, this.#context)
    checking.catch(() => {}) // Awaited below; until then a failure must not count as unhandled.
    try {
      await this.scan(readableImage(image), imageSize(image))
    } finally {
      // SQLite answers one question after another, and the next one is to end the transaction.
      await checking.catch(() => {})
    }
    this.structure = await checking
  }

  async scan(image: Parameters<RestorePointSender['scan']>[0], size: number): Promise<void> {
    const { signal } = this.#context
    begin(this.#context, 'send-image')
    const onBytes = bytesOf(this.#context, 'send-image')
    await this.#sender.scan(image, { signal, onBytes: done => onBytes(done, size) })
  }
}

function changed({ name }: Target): BackupError {
  return new BackupError(
    'CATALOG_LOCKED',
    `Packs at the target ${name} were changed while the backup was made`,
    {
      hint: 'A cleanup there has dropped pages that the backup needs. Nothing was lost: make the backup again.',
    },
  )
}
