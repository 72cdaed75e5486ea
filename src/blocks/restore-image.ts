/** Making an image of a restore point again. */
import { throwIfCancelled } from '../errors.ts'
import type { OpenFile } from '../storage/transfer.ts'
import type { OpenKeyFile } from './key-files.ts'
import type { PackSecret } from './pack-cipher.ts'
import { PackFile } from './pack-file.ts'
import { type Lane, LaneEnded, openLanes } from './part-lanes.ts'
import { packId, type RestorePoint } from './restore-point.ts'
import { type PackPart, partsOf } from './restore-plan.ts'
import { type BlockStore, packPath } from './store.ts'

export interface RestoreOptions {
  /** Opens the keys of packs that are encrypted. */
  readonly open: OpenKeyFile
  readonly signal: AbortSignal
  readonly onBytes?: (doneBytes: number) => void
}

/**
 * Writes the image into `file`, which must be empty. Every group's bytes are checked, pages are not: the caller holds
 * the whole against the image's checksum. Throws `BACKUP_DAMAGED`, naming the first pack that is, and `NoKeyFits`.
 */
export async function restoreImage(
  point: RestorePoint,
  store: Pick<BlockStore, 'backupDir'>,
  file: OpenFile,
  options: RestoreOptions,
): Promise<void> {
  const { pageSize, pageCount, isSealed } = point
  await restoreInLanes(openLanes({ file, pageSize, isSealed }, pageSize * pageCount), point, store, options)
}

/** Has `lanes` write the image, and disposes of them. What one that ends leaves behind others write, at last the last. */
export async function restoreInLanes(
  lanes: readonly Lane[],
  point: RestorePoint,
  store: Pick<BlockStore, 'backupDir'>,
  options: RestoreOptions,
): Promise<void> {
  await using opened = new AsyncDisposableStack()
  for (const lane of lanes) opened.use(lane)
  const work = new Work(point, store, options)
  const working = lanes.flatMap(lane => Array.from({ length: lane.atOnce }, () => work.doIn(lane)))
  await Promise.all(working)
  // The others may have had nothing left to do when a thread ended.
  for (const lane of lanes.slice(-1)) await work.doIn(lane)
  work.throwFirstFailure()
}

interface Task {
  /** In the order of the parts. */
  readonly number: number
  readonly part: PackPart
}

/** The parts of an image that are still to be written. Each lane takes the next one as soon as it has room for it. */
class Work {
  readonly #point: RestorePoint
  readonly #store: Pick<BlockStore, 'backupDir'>
  readonly #options: RestoreOptions
  readonly #parts: Generator<PackPart, undefined>
  #taken = 0
  #donePages = 0
  /** Of the pack that was asked for last, which has several parts. */
  #unlocked: { readonly id: string; readonly secret: Promise<PackSecret | null> } | null = null
  #failure: { readonly number: number; readonly error: unknown } | null = null
  /** By lanes that have ended, and why. */
  readonly #leftBehind: { readonly task: Task; readonly error: LaneEnded }[] = []

  constructor(point: RestorePoint, store: Pick<BlockStore, 'backupDir'>, options: RestoreOptions) {
    this.#point = point
    this.#store = store
    this.#options = options
    this.#parts = partsOf(point)
  }

  /** Ends when there is nothing left, when the lane ends, or after a failure: never rejects. */
  async doIn(lane: Lane): Promise<void> {
    for (let task = this.#next(); task !== null; task = this.#next()) {
      const { number, part } = task
      try {
        throwIfCancelled(this.#options.signal)
        await this.#write(part, lane)
      } catch (error) {
        if (error instanceof LaneEnded) this.#leftBehind.push({ task, error })
        else if (this.#failure === null || number < this.#failure.number) this.#failure = { number, error }
        return
      }
    }
  }

  /** After a failure there are no further ones, but for those that were begun: they come before it. */
  #next(): Task | null {
    const left = this.#leftBehind.shift()
    if (left !== undefined) return left.task
    if (this.#failure !== null) return null
    const { value: part } = this.#parts.next()
    return part === undefined ? null : { number: this.#taken++, part }
  }

  /** The first in the order of the parts: what is said of a backup must not depend on which lane is faster. */
  throwFirstFailure(): void {
    const error = this.#failure?.error ?? this.#leftBehind[0]?.error
    if (error !== undefined) throw error
  }

  async #write({ pack, runs, pageCount }: PackPart, lane: Lane): Promise<void> {
    const id = packId(this.#point, pack)
    const path = packPath(this.#store, id)
    const secret = this.#point.isSealed ? await this.#secretOf(path, id) : null
    await lane.write({ path, id, secret, runs })
    this.#donePages += pageCount
    this.#options.onBytes?.(this.#donePages * this.#point.pageSize)
  }

  #secretOf(path: string, id: string): Promise<PackSecret | null> {
    if (this.#unlocked?.id !== id) this.#unlocked = { id, secret: readSecret(path, id, this.#options.open) }
    return this.#unlocked.secret
  }
}

async function readSecret(path: string, id: string, open: OpenKeyFile): Promise<PackSecret | null> {
  using pack = PackFile.open(path, id)
  return await pack.readSecret(open)
}
