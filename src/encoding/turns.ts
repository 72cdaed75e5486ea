/** Lets so many pieces of work go on at a time; the others begin in the order in which they came. */
export class Turns {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(countMax: number) {
    this.#free = countMax
  }

  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>(resolve => void this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      // The turn goes on to whoever waits, so that nobody else comes between.
      if (next === undefined) this.#free += 1
      else next()
    }
  }
}
