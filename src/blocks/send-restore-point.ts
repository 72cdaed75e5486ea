/** Storing an image somewhere else: its new pages are handed on in packs as these are filled, and nothing stays here. */
import { namingIdText, type Fingerprints } from './fingerprints.ts'
import { KnownPages } from './known-pages.ts'
import { pagesOf, type Slots } from './live-pages.ts'
import { NewPacks, type OnPack } from './new-packs.ts'
import type { Sealing } from './open-sealing.ts'
import { type PointPacks, PreviousPages } from './previous-pages.ts'
import { encodeRestorePoint, type RestorePoint, sha256 } from './restore-point.ts'
import { type ReadableImage, Scan, type ScanOptions } from './scan-image.ts'
import { formOf, runBytesOf, usable } from './write-restore-point.ts'

/** A restore point that can be built upon, where the new one is going to be. */
export interface Base {
  readonly point: RestorePoint
  readonly fingerprints: Fingerprints
  readonly packs: PointPacks
}

export interface Sending {
  readonly sealing: Sealing
  readonly base: Base | null
  /** A new file in a directory of ours, by a name. */
  readonly file: (name: string) => string
  /** Takes each pack as soon as it is whole; what it resolves without is not there. */
  readonly onPack: OnPack
}

/** A restore point whose new packs were handed on. It exists once the caller has stored `bytes` there, too. */
export interface SentRestorePoint {
  readonly bytes: Buffer
  /** SHA-256 of `bytes`, hex. */
  readonly checksum: string
  /** The pages that it relies on, by the pack's id. */
  readonly needed: ReadonlyMap<string, Slots>
  /** For the next one, once it has a name. */
  readonly fingerprints: Omit<Fingerprints, 'restorePoint'>
}

/** Reads one image. What a try has handed on that is given up is for a clean-up there. */
export class RestorePointSender implements AsyncDisposable {
  readonly #sending: Sending
  #scanned: Scanned | null = null

  constructor(sending: Sending) {
    this.#sending = sending
  }

  /** May be called again: only the last time counts. */
  async scan(image: ReadableImage, options: ScanOptions): Promise<void> {
    await this.#closePacks()
    const { sealing, base, file, onPack } = this.#sending
    const packs = new NewPacks({ file }, formOf(image, sealing, base), sealing, onPack)
    const runBytes = runBytesOf(image)
    const { namingId, name } = sealing
    const numberOf = (id: string): number => packs.numberOf(id)
    const scan = new Scan(image, {
      name,
      packs,
      previous: base === null ? null : new PreviousPages(base.point, base.packs),
      fingerprints: usable(base, image, runBytes),
      known: new KnownPages(null, { pageCount: image.pageCount, numberOf, namingId }),
      runBytes,
      isOther: base?.point.pageCount !== image.pageCount,
    })
    this.#scanned = { image, packs, scan, runBytes }
    await scan.run(options)
    // The last pack is handed on while the image is still held: what fails may be tried again with it.
    await packs.finish({ readBack: false, signal: options.signal })
  }

  /** @param imageChecksum SHA-256 of the image, hex */
  finish(imageChecksum: string): SentRestorePoint {
    if (this.#scanned === null) throw new Error('Nothing was scanned')
    const { image, packs, scan, runBytes } = this.#scanned
    const { namingId } = this.#sending.sealing
    const { pageSize, pageCount } = image
    const point: RestorePoint = {
      pageSize,
      pageCount,
      imageChecksum,
      packs: packs.ids(),
      runs: scan.runs.finish(),
      isSealed: namingId !== null,
    }
    const bytes = encodeRestorePoint(point)
    const checksum = sha256(bytes).toString('hex')
    const head = { checksum, pageSize, pageCount, runBytes, stamp: null, namingId: namingIdText(namingId) }
    return { bytes, checksum, needed: pagesOf(point), fingerprints: { ...head, runs: scan.fingerprints } }
  }

  async #closePacks(): Promise<void> {
    await this.#scanned?.packs[Symbol.asyncDispose]()
    this.#scanned = null
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closePacks()
  }
}

interface Scanned {
  readonly image: ReadableImage
  readonly packs: NewPacks
  readonly scan: Scan
  readonly runBytes: number
}
