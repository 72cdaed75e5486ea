/** How slowly bytes may come or be taken: whoever is slower holds what others wait for, and may never be done. */

export interface PaceLimits {
  readonly bytesPerSecondMin: number
  /** How far behind that one may be: a line that is gone for a moment comes back. */
  readonly patienceMs: number
}

/** Being fast is no credit for later beyond the patience: neither a whole gigabyte nor the first one is. Reads no clock. */
export class Pace {
  readonly #limits: PaceLimits
  #creditMs: number

  constructor(limits: PaceLimits) {
    this.#limits = limits
    this.#creditMs = limits.patienceMs
  }

  /** Milliseconds that the next so many bytes may take. */
  allowanceMs(bytes: number): number {
    return this.#creditMs + (bytes / this.#limits.bytesPerSecondMin) * 1000
  }

  /** They have taken so long. Answers whether that was soon enough. */
  took(bytes: number, elapsedMs: number): boolean {
    const leftMs = this.allowanceMs(bytes) - elapsedMs
    this.#creditMs = Math.max(0, Math.min(this.#limits.patienceMs, leftMs))
    return leftMs >= 0
  }
}
