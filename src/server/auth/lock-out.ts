/** Who tries secrets is made to wait, longer each time; others are not. */

/** Anybody mistypes. */
const FREE_TRIES = 5
const FIRST_WAIT_MS = 1000
const WAIT_MS_MAX = 15 * 60_000
/** After so long without a try all is forgotten. */
const FORGOTTEN_MS = 60 * 60_000
/** An attacker may have many addresses, and must not take our memory with them. */
const KNOWN_MAX = 10_000

interface Tries {
  failed: number
  lastAtMs: number
  lockedUntilMs: number
}

/** Where a try comes from, and which id it named; null for none. */
export interface Attempt {
  /** Null for the machine itself: a loopback address, or a socket of the file system. */
  readonly address: string | null
  readonly id: string | null
}

export class LockOut {
  readonly #tries = new Map<string, Tries>()
  readonly #now: () => Date

  constructor(now: () => Date) {
    this.#now = now
  }

  /**
   * Milliseconds for which an attempt is refused whatever it brings; 0: it may be made. From this machine always: its
   * operator must not be locked out by another program on it.
   */
  refusedForMs(attempt: Attempt): number {
    return attempt.address === null ? 0 : this.#waitMs(attempt)
  }

  /** Notes a failure; milliseconds that the next one has to wait, 0 while nobody has to. */
  failed(attempt: Attempt): number {
    for (const key of keysOf(attempt)) this.#note(key)
    return this.#waitMs(attempt)
  }

  /** A right secret: what was tried for its id from there counts no more. */
  succeeded(attempt: Attempt): void {
    for (const key of keysOf(attempt)) this.#tries.delete(key)
  }

  #waitMs(attempt: Attempt): number {
    const now = this.#now().getTime()
    const until = keysOf(attempt).map(key => this.#tries.get(key)?.lockedUntilMs ?? 0)
    return Math.max(0, ...until.map(each => each - now))
  }

  #note(key: string): void {
    const now = this.#now().getTime()
    const known = this.#tries.get(key)
    const tries =
      known === undefined || now - known.lastAtMs > FORGOTTEN_MS
        ? { failed: 0, lastAtMs: now, lockedUntilMs: 0 }
        : known
    tries.failed += 1
    tries.lastAtMs = now
    const over = tries.failed - FREE_TRIES
    if (over >= 0) tries.lockedUntilMs = now + Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** Math.min(over, 20))
    // Put at the end: the first of the map is the one that was longest quiet.
    this.#tries.delete(key)
    this.#tries.set(key, tries)
    const [oldest] = this.#tries.keys()
    if (this.#tries.size > KNOWN_MAX && oldest !== undefined) this.#tries.delete(oldest)
  }
}

/** An address, and an id from an address: nobody elsewhere can lock an id's owner out. */
function keysOf({ address, id }: Attempt): string[] {
  const from = address ?? 'local'
  return id === null ? [from] : [from, `${from} ${id}`]
}

/** The address of a caller as {@link Attempt} has it. */
export function callerAddress(remoteAddress: string | undefined): string | null {
  const address = remoteAddress?.replace(/^::ffff:/, '') ?? ''
  return address === '' || address === '::1' || address.startsWith('127.') ? null : address
}
