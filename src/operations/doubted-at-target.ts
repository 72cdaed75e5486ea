import { join } from 'node:path'
import { doubtedPacks, doubtPacks, type Doubts, trustPack } from '../blocks/doubted-packs.ts'
import { isThere } from '../storage/durable.ts'
import type { Context } from './context.ts'

/** Packs at a target in which damage was found, as it is noted here: nothing new relies on one until it was read again. */
export class DoubtedAtTarget {
  readonly #doubts: Doubts
  readonly #isKept: boolean
  readonly #ids: Set<string>

  private constructor(doubts: Doubts, isKept: boolean, ids: Iterable<string>) {
    this.#doubts = doubts
    this.#isKept = isKept
    this.#ids = new Set(ids)
  }

  /** @param target its name */
  static async open(target: string, { settings }: Context): Promise<DoubtedAtTarget> {
    const { backupDir, directoryMode } = settings
    const doubts = { directory: join(backupDir, 'targets', target, 'doubted'), directoryMode }
    return new DoubtedAtTarget(doubts, await isThere(backupDir), await doubtedPacks(doubts))
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** What cannot be noted changes nothing of what was found. Where nothing is kept at all, this is not, either. */
  async doubt(ids: Iterable<string>): Promise<void> {
    if (this.#isKept) await doubtPacks(ids, this.#doubts).catch(() => {})
  }

  /** Takes the doubt back: all of it was found whole. */
  async trust(id: string): Promise<void> {
    if (this.#ids.delete(id)) await trustPack(id, this.#doubts)
  }
}
