/** Who of the soak reads backups of a directory, and who may take none away meanwhile. */
export class Holding {
  /** How many read each backup, by the directory that it is in, or that it was copied from. */
  readonly #held = new Map<string, Map<string, number>>()
  readonly #alone = new Map<string, Promise<void>>()

  /** Waits until nobody takes backups of the directory away. What is picked then must be held at once. */
  async untilShared(directory: string): Promise<void> {
    for (let alone = this.#alone.get(directory); alone !== undefined; alone = this.#alone.get(directory))
      await alone
  }

  hold(directory: string, what: string): Disposable {
    const held = this.#held.get(directory) ?? new Map<string, number>()
    this.#held.set(directory, held.set(what, (held.get(what) ?? 0) + 1))
    return {
      [Symbol.dispose]: () => {
        const left = (held.get(what) ?? 0) - 1
        if (left > 0) held.set(what, left)
        else held.delete(what)
      },
    }
  }

  isHeld(directory: string, what: string): boolean {
    return this.#held.get(directory)?.has(what) ?? false
  }

  isAlone(directory: string): boolean {
    return this.#alone.has(directory)
  }

  /** Keeps others from beginning to read; null where some do. */
  holdAlone(directory: string): Disposable | null {
    if (this.#alone.has(directory) || (this.#held.get(directory)?.size ?? 0) > 0) return null
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#alone.set(directory, promise)
    return {
      [Symbol.dispose]: () => {
        this.#alone.delete(directory)
        resolve()
      },
    }
  }
}
