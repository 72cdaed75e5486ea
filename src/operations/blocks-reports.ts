/** What is asked of backups of pages and what it answers. Part of reports.ts. */

/** What a clean-up made of the packs that no backup relies on any more. */
export interface PacksCollected {
  /**
   * `refused`: a backup's file cannot be read, so that nobody knows what it relies on; see `problem`. `busy`: packs
   * were being read all the time. `failed`: something else went wrong. In all three the next clean-up tries again.
   */
  readonly status: 'done' | 'refused' | 'busy' | 'failed'
  /** Why nothing, or not all, was given back; null when it was. */
  readonly problem: string | null
  readonly freedBytes: number
  /** Packs that are gone, and packs that were written anew without what is dead in them. */
  readonly removedPacks: number
  readonly rewrittenPacks: number
}

export interface VerifyStoreRequest {
  /**
   * How much of the packs is looked at: `5%` or `1/30` of them, going on where the last such check stopped; default
   * all.
   */
  readonly sample?: string
  /** Stop after so long, such as `10m`, and go on there the next time. Not together with `sample`. */
  readonly time?: string
  /** Path of an identity file, beside those of the configuration, for packs that are encrypted. */
  readonly identity?: string
}

export interface StoreProblem {
  /** The pack, or the backup's own file. */
  readonly path: string
  readonly message: string
  /** Paths of the backups that it hurts. */
  readonly hurts: readonly string[]
}

export interface StoreVerified {
  readonly success: true
  readonly status: 'intact' | 'damaged'
  readonly problems: readonly StoreProblem[]
  /** Backups of pages, and the packs that they rely on. */
  readonly backups: number
  readonly packs: number
  /** Of these, encrypted ones that no key opened: of their pages only the stored bytes were looked at. */
  readonly lockedPacks: number
  /** Parts of packs of about 4 MiB, those that were looked at in this run, and whether all have been since the last round. */
  readonly parts: number
  readonly checkedParts: number
  readonly isRoundComplete: boolean
  readonly durationMs: number
}

/** The store of packs, of all databases in the backup directory. */
export interface StoreTotals {
  readonly packs: number
  readonly sizeBytes: number
}
