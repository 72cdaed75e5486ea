/** Which rows were read already, where damage may bring them out of order, and again and again. Pure. */

/** So many of the last keys are remembered, to find the place of one that comes too late: more than a page has. */
const RECENT_MAX = 4_096
/** More rows out of order, or more in a row that came before, are not worth looking for what is between them. */
const ODD_MAX = 10_000
const REPEATED_MAX = 10_000

export interface KeyOrder<Key> {
  /** Whether `second` comes after `first` in the table. */
  readonly isAfter: (first: Key, second: Key) => boolean
  /** Equal for equal keys. */
  readonly idOf: (key: Key) => string | bigint
}

/** Takes keys as they are read, and lets each pass once. */
export class Sequence<Key> {
  readonly #order: KeyOrder<Key>
  /** The last keys that came in order. */
  #recent: Key[] = []
  /** The last one that is no longer remembered: whatever comes before it may have been read. */
  #floor: Key | null = null
  /** Those that came before their turn. */
  readonly #odd = new Set<string | bigint>()
  #repeated = 0
  /** How many did not pass. */
  refused = 0

  constructor(order: KeyOrder<Key>) {
    this.#order = order
  }

  /** The last key up to which all were in order; null before the first. */
  get last(): Key | null {
    return this.#recent.at(-1) ?? this.#floor
  }

  /** Whether what is read makes no sense any more: the pages may lead in circles. */
  get isLost(): boolean {
    return this.#odd.size > ODD_MAX || this.#repeated > REPEATED_MAX
  }

  /** Whether it passed, out of its order. */
  hasOdd(key: Key): boolean {
    return this.#odd.has(this.#order.idOf(key))
  }

  passes(key: Key): boolean {
    this.#findPlace(key)
    const { last } = this
    const isNew = (last === null || this.#order.isAfter(last, key)) && !this.hasOdd(key)
    if (isNew) this.#add(key)
    else this.refused++
    this.#repeated = isNew ? 0 : this.#repeated + 1
    return isNew
  }

  /** Those before it that do not belong there came before their turn. */
  #findPlace(key: Key): void {
    for (let last = this.#recent.at(-1); last !== undefined; last = this.#recent.at(-1)) {
      if (this.#order.isAfter(last, key)) return
      this.#odd.add(this.#order.idOf(last))
      this.#recent.pop()
    }
  }

  #add(key: Key): void {
    this.#recent.push(key)
    if (this.#recent.length < 2 * RECENT_MAX) return
    this.#floor = this.#recent[RECENT_MAX - 1] ?? null
    this.#recent = this.#recent.slice(RECENT_MAX)
  }
}
