/**
 * The lists of targets for those who ask again and again. Targets are far away, and nobody reports what changes there: a
 * list is believed for a few seconds, unless this server has changed something meanwhile.
 */
import type { BackupInfo } from '../index.ts'

/** Long enough for the requests of one page, short enough that nobody waits for what another program has made. */
const TRUSTED_MS = 5_000

interface Reading {
  readonly backups: Promise<readonly BackupInfo[]>
  /** Null while it is being read. */
  readAtMs: number | null
}

export class TargetListings {
  readonly #now: () => number
  readonly #readings = new Map<string, Reading>()

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** The list of that key, read with `read` unless it was a moment ago, or is just now. A failure is not kept. */
  async list(key: string, read: () => Promise<readonly BackupInfo[]>): Promise<readonly BackupInfo[]> {
    this.#dropOld()
    const known = this.#readings.get(key)
    if (known !== undefined) return await known.backups
    const reading: Reading = { backups: read(), readAtMs: null }
    this.#readings.set(key, reading)
    try {
      const backups = await reading.backups
      reading.readAtMs = this.#now()
      return backups
    } catch (error) {
      if (this.#readings.get(key) === reading) this.#readings.delete(key)
      throw error
    }
  }

  /** For whoever has changed something: what was read before, or is just being read, is not believed any more. */
  forget(): void {
    this.#readings.clear()
  }

  /** Thousands of backups take room, which an idle server does not need. */
  #dropOld(): void {
    for (const [key, { readAtMs }] of this.#readings)
      if (readAtMs !== null && this.#now() - readAtMs >= TRUSTED_MS) this.#readings.delete(key)
  }
}
