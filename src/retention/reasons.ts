/** Why each backup stays, gathered from rules and guards. */
import type { Dated, KeepRule } from './rules.ts'
import type { Candidate, Foreignness } from './standing.ts'

/** A rule of the policy, or a guard that no policy can switch off. */
export type KeepReason =
  | KeepRule
  | 'max-size'
  | 'size-unknown'
  | 'min-count'
  | 'min-age'
  | 'type-not-named'
  | Foreignness
  | 'pinned'
  | 'newest'
  | 'last-good'
  | 'clock'
  | 'max-deletions'
  | 'locked'

export interface RetentionDecision<Backup extends Candidate = Candidate> {
  readonly backup: Backup
  /** The rules and guards that keep it; none: it may go. */
  readonly keptBy: readonly KeepReason[]
  /** A sentence for people: why it is kept, or why not. */
  readonly why: string
}

/** What keeps a backup whatever size it has. */
const PROTECTING: readonly KeepReason[] = ['pinned', 'newest', 'last-good', 'min-count', 'min-age']

/** What has been said of each backup so far; the first reason of a kind counts. */
export class Reasons<Backup extends Candidate> {
  readonly #reasons = new Map<Dated<Backup>, Map<KeepReason, string>>()
  readonly #overSize = new Map<Dated<Backup>, string>()

  keep(dated: Dated<Backup>, reason: KeepReason, why: string): void {
    const known = this.#reasons.get(dated) ?? new Map<KeepReason, string>()
    if (!known.has(reason)) known.set(reason, why)
    this.#reasons.set(dated, known)
  }

  has(dated: Dated<Backup>): boolean {
    return this.#reasons.has(dated)
  }

  /** Whether something keeps it that no size can overrule. */
  isProtected(dated: Dated<Backup>): boolean {
    return PROTECTING.some(reason => this.#reasons.get(dated)?.has(reason))
  }

  letGo(dated: Dated<Backup>, why: string): void {
    this.#reasons.delete(dated)
    this.#overSize.set(dated, why)
  }

  decision(dated: Dated<Backup>): RetentionDecision<Backup> {
    const { backup } = dated
    const reasons = this.#reasons.get(dated)
    if (reasons === undefined) {
      return { backup, keptBy: [], why: this.#overSize.get(dated) ?? 'no rule keeps it' }
    }
    return { backup, keptBy: [...reasons.keys()], why: [...reasons.values()].join('; ') }
  }
}
