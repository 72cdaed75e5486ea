import { randomBytes } from 'node:crypto'
import { throwIfCancelled } from '../errors.ts'
import { damaged } from './damage.ts'
import { freeGroup } from './group.ts'
import type { Place } from './known-pages.ts'
import type { Sealing } from './open-sealing.ts'
import type { PackKey } from './pack-cipher.ts'
import { PackFile } from './pack-file.ts'
import { groupCount } from './pack-index.ts'
import { type PackForm, PackWriter, type WrittenPack } from './pack-writer.ts'
import { PACK_ID_BYTES } from './restore-point.ts'

/** Where files are made, and removed again by whoever opened it. */
type StagingPlace = Readonly<Record<'file', (name: string) => string>>

/** @param key what it is encrypted with; null where it is not */
export type OnPack = (pack: WrittenPack, key: PackKey | null) => Promise<void>

/** The packs of a restore point that is being written: those that it refers to, and those that it adds. */
export class NewPacks implements AsyncDisposable {
  readonly #staging: StagingPlace
  readonly #onPack: OnPack | undefined
  readonly #form: PackForm
  /** Ids by number; null for the one that is being written. */
  readonly #ids: (string | null)[] = []
  readonly #numbers = new Map<string, number>()
  readonly #written: WrittenPack[] = []
  readonly #sealing: Sealing
  #key: PackKey | null = null
  #writer: PackWriter | null = null
  #number = -1

  /** @param onPack takes each pack as soon as it is whole; default: they stay where they are staged */
  constructor(staging: StagingPlace, form: PackForm, sealing: Sealing, onPack?: OnPack) {
    this.#staging = staging
    this.#onPack = onPack
    this.#form = form
    this.#sealing = sealing
  }

  /** The number of a pack that is in the store. */
  numberOf(id: string): number {
    const known = this.#numbers.get(id)
    if (known !== undefined) return known
    const number = this.#ids.push(id) - 1
    this.#numbers.set(id, number)
    return number
  }

  /** Adds a page to the pack that is being written. {@link drain} must follow now and then. */
  async add(page: Uint8Array, hash: Buffer): Promise<Place> {
    if (this.#writer?.isFull === true) await this.#finishPack()
    if (this.#writer === null) {
      this.#key ??= (await this.#sealing.newKey?.()) ?? null
      this.#number = this.#ids.push(null) - 1
      const file = this.#staging.file(`${randomBytes(4).toString('hex')}.pack`)
      this.#writer = new PackWriter(file, this.#form, this.#key)
    }
    return { pack: this.#number, slot: this.#writer.add(page, hash) }
  }

  async drain(): Promise<void> {
    await this.#writer?.drain()
  }

  /** Ends the last pack and returns all that are new, under their staged names, read back where that is asked for. */
  async finish({
    readBack,
    signal,
  }: {
    readonly readBack: boolean
    readonly signal: AbortSignal
  }): Promise<readonly WrittenPack[]> {
    if (this.#writer !== null) await this.#finishPack()
    if (readBack) for (const pack of this.#written) await requireReadable(pack, this.#key, signal)
    return this.#written
  }

  /** The ids of all packs that have a number, one after another. */
  ids(): Buffer {
    const ids = Buffer.alloc(this.#ids.length * PACK_ID_BYTES)
    this.#ids.forEach((id, number) => ids.write(id ?? '', number * PACK_ID_BYTES, 'hex'))
    return ids
  }

  async #finishPack(): Promise<void> {
    const writer = this.#writer as PackWriter
    const pack = await writer.finish()
    this.#writer = null
    this.#written.push(pack)
    this.#ids[this.#number] = pack.id
    await this.#onPack?.(pack, this.#key)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#writer?.[Symbol.dispose]()
  }
}

/** Holds every page of a pack against its name. Of an encrypted one we still have the key that we made. */
export async function requireReadable(
  { file, id }: WrittenPack,
  key: PackKey | null,
  signal: AbortSignal,
): Promise<void> {
  using pack = PackFile.open(file, id)
  if (key !== null) pack.unlockWith(key.secret)
  const groups = Array.from({ length: groupCount(pack.index) }, (_, group) => group)
  for await (const group of pack.readGroups(groups)) {
    throwIfCancelled(signal)
    const wrong = pack.firstWrong(group)
    if (wrong !== null) throw damaged(file, `page ${wrong} was written wrongly`)
    freeGroup(group)
  }
}
