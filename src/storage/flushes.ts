/** Flushes of finished files, while others are being written. */

/** As many as wait for the disk at the same time; each holds a file open. */
const FLUSHES_MAX = 4

export class Flushes {
  readonly #started: Promise<void>[] = []

  /** Starts one. Throws what another one failed with, if that is known by then. */
  async start(flush: () => Promise<void>): Promise<void> {
    if (this.#started.length >= FLUSHES_MAX) await this.#started.shift()
    const started = flush()
    started.catch(() => {}) // Awaited later; until then a failure must not count as unhandled.
    this.#started.push(started)
  }

  /** Resolves when all are done; throws what one failed with. */
  async done(): Promise<void> {
    await Promise.all(this.#started)
    this.#started.length = 0
  }

  /** Resolves when none is under way any more, however they ended. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#started)
  }
}
