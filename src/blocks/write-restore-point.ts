/** Storing an image: what changed since the last restore point goes into new packs, the rest is referred to. */
import { Staging } from '../catalog/staging.ts'
import { throwIfCancelled } from '../errors.ts'
import { makeDirectory } from '../storage/durable.ts'
import { namingIdText, type Fingerprints, readFingerprints, writeFingerprints } from './fingerprints.ts'
import { KnownPages } from './known-pages.ts'
import { NewPacks } from './new-packs.ts'
import type { Sealing } from './open-sealing.ts'
import { type Previous, PreviousPages, readPrevious } from './previous-pages.ts'
import { largeGroups, type PackForm } from './pack-writer.ts'
import { encodeRestorePoint, sha256 } from './restore-point.ts'
import { type ReadableImage, Scan, type ScanOptions } from './scan-image.ts'
import { blocksDirectory } from '../catalog/layout.ts'
import { type BlockStore, publishPacks, settlePacks } from './store.ts'

/** A run is the unit of the first look. Smaller ones cost more hashes; larger ones more pages to look at in each that changed. */
const RUN_BYTES = 64 << 10
/** Images above 16 GiB have larger runs, so that the fingerprints stay near 5 MB. */
const RUNS_MAX = 1 << 18
export interface FinishOptions {
  /** SHA-256 of the image, hex. */
  readonly imageChecksum: string
  /** Whether to read new packs back before they are relied upon. */
  readonly readBack: boolean
  readonly signal: AbortSignal
}

export interface Storing {
  /** The database's name, to find its last restore point by. */
  readonly database: string
  readonly sealing: Sealing
}

/** A restore point whose packs are durable. It exists once the caller has stored `bytes`. */
export interface WrittenRestorePoint {
  readonly bytes: Buffer
  /** SHA-256 of `bytes`, hex. */
  readonly checksum: string
  /** What the store grew by, `bytes` included. */
  readonly addedBytes: number
  readonly newPages: number
  /**
   * Keeps the fingerprints for the next restore point. To be called once `bytes` are published.
   *
   * @param restorePoint its file, relative to the backup directory
   * @param stamp how the database's files looked when the image was read; null where that proves nothing
   */
  readonly remember: (restorePoint: string, stamp: string | null) => Promise<void>
}

/**
 * Stores one image, in two steps: its pages while somebody holds them still, then what makes them a restore point.
 *
 * Only for the holder of the catalog's lock: two writers would not see each other's packs, and a clean-up would remove
 * those that nobody refers to yet. Killed at any instant, what it leaves are packs that nobody refers to, for the next
 * clean-up.
 */
export class RestorePointWriter implements AsyncDisposable {
  readonly #store: BlockStore
  readonly #database: string
  readonly #sealing: Sealing
  readonly #staging: Staging
  /** The restore point before, if it can be built upon. */
  readonly previous: Previous | null
  #scanned: Scanned | null = null

  private constructor(
    store: BlockStore,
    { database, sealing }: Storing,
    staging: Staging,
    previous: Previous | null,
  ) {
    this.#store = store
    this.#database = database
    this.#sealing = sealing
    this.#staging = staging
    this.previous = previous
  }

  static async open(store: BlockStore, storing: Storing): Promise<RestorePointWriter> {
    const { backupDir, directoryMode, durability } = store
    await makeDirectory(blocksDirectory(backupDir), directoryMode, durability)
    const { database, sealing } = storing
    const previous = await readPrevious(store, await readFingerprints(store, database, sealing))
    const staging = await Staging.open(backupDir, blocksDirectory(backupDir))
    return new RestorePointWriter(store, storing, staging, previous)
  }

  /** Whether the image is, page by page, that of the restore point before. */
  get isUnchanged(): boolean {
    return this.#scanned?.scan.isChanged === false
  }

  /** Reads the image, and writes its new pages into staged packs. May be called again: only the last time counts. */
  async scan(image: ReadableImage, options: ScanOptions): Promise<void> {
    await this.#closePacks()
    const store = this.#store
    const { previous } = this
    const sealing = this.#sealing
    const packs = new NewPacks(this.#staging, formOf(image, sealing, previous), sealing)
    const { namingId, name } = sealing
    const numberOf = (id: string): number => packs.numberOf(id)
    const known = new KnownPages(store, { pageCount: image.pageCount, numberOf, namingId })
    const runBytes = runBytesOf(image)
    const scan = new Scan(image, {
      name,
      packs,
      previous: previous === null ? null : await PreviousPages.open(store, previous.point),
      fingerprints: usable(previous, image, runBytes),
      known,
      runBytes,
      isOther: previous?.point.pageCount !== image.pageCount,
    })
    this.#scanned = { image, packs, known, scan, runBytes }
    await scan.run(options)
  }

  /** Makes the packs durable, and what refers to them. */
  async finish({ imageChecksum, ...options }: FinishOptions): Promise<WrittenRestorePoint> {
    if (this.#scanned === null) throw new Error('Nothing was scanned')
    const { image, packs, known, scan, runBytes } = this.#scanned
    const store = this.#store
    const written = await packs.finish(options)
    throwIfCancelled(options.signal)
    await publishPacks(written, store)
    await settlePacks(known.foundIn, store)
    const { pageSize, pageCount } = image
    const runs = scan.runs.finish()
    const { namingId } = this.#sealing
    const point = { pageSize, pageCount, imageChecksum, packs: packs.ids(), runs }
    const bytes = encodeRestorePoint({ ...point, isSealed: namingId !== null })
    const checksum = sha256(bytes).toString('hex')
    return {
      bytes,
      checksum,
      addedBytes: bytes.length + written.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      newPages: scan.newPages,
      remember: (restorePoint, stamp) => {
        const naming = { namingId: namingIdText(namingId) }
        const head = { restorePoint, checksum, pageSize, pageCount, runBytes, stamp, ...naming }
        return writeFingerprints(store, this.#database, { ...head, runs: scan.fingerprints })
      },
    }
  }

  async #closePacks(): Promise<void> {
    await this.#scanned?.packs[Symbol.asyncDispose]()
    this.#scanned = null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closePacks()
    await this.#staging[Symbol.asyncDispose]()
  }
}

interface Scanned {
  readonly image: ReadableImage
  readonly packs: NewPacks
  readonly known: KnownPages
  readonly scan: Scan
  readonly runBytes: number
}

/**
 * Who has no key can drop whole groups only. So of an encrypted image that was stored before, each page that changed is
 * a group of its own, which goes when it dies: what changes once mostly changes again. That takes a sixth more room and
 * three times the work, too much for a whole image.
 */
export function formOf({ pageSize }: ReadableImage, { newKey }: Sealing, previous: object | null): PackForm {
  return newKey !== null && previous !== null ? { pageSize, groupPages: 1 } : largeGroups(pageSize)
}

/** How many bytes of an image have one fingerprint. */
export function runBytesOf({ pageSize, pageCount }: ReadableImage): number {
  let runBytes = RUN_BYTES
  while ((pageSize * pageCount) / runBytes > RUNS_MAX) runBytes *= 2
  return runBytes
}

/** Fingerprints of runs can be compared where pages and runs are of one size. */
export function usable(
  previous: Pick<Previous, 'fingerprints'> | null,
  image: ReadableImage,
  runBytes: number,
): Fingerprints | null {
  const isSameForm =
    previous?.fingerprints.runBytes === runBytes && previous.fingerprints.pageSize === image.pageSize
  return isSameForm ? previous.fingerprints : null
}
