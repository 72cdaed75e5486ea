/** Plans that may be carried out: each once, within minutes, by who made it, and only while it would be the same. */
import { randomBytes } from 'node:crypto'
import { Refusal } from './problems.ts'
import type { PlanIssued } from './schemas/backups.ts'

/** Long enough to read it and to ask somebody. */
const VALID_MS = 15 * 60_000
const PLANS_MAX = 1000

type PlanKind = 'restore' | 'cleanup' | 'retention'

/** The route that makes one. */
const MADE_BY: Readonly<Record<PlanKind, string>> = {
  restore: 'restore-plan',
  cleanup: 'cleanup-plan',
  retention: 'cleanup-plan, with the policy',
}

interface Plan {
  readonly kind: PlanKind
  readonly subject: string
  readonly expiresAt: Date
}

export class PlanBook {
  readonly #plans = new Map<string, Plan>()
  readonly #now: () => Date

  constructor(now: () => Date) {
    this.#now = now
  }

  /** @param subject all that must be the same when it is carried out */
  issue(kind: PlanKind, subject: string): PlanIssued {
    const [oldest] = this.#plans.keys()
    if (this.#plans.size >= PLANS_MAX && oldest !== undefined) this.#plans.delete(oldest)
    const plan = `plan_${randomBytes(16).toString('hex')}`
    const expiresAt = new Date(this.#now().getTime() + VALID_MS)
    this.#plans.set(plan, { kind, subject, expiresAt })
    return { plan, expiresAt: expiresAt.toISOString() }
  }

  /** Uses a plan up. Refused as `PLAN_STALE` unless it is fresh and of the same subject. */
  take(id: string, kind: PlanKind, subject: string): void {
    const plan = this.#plans.get(id)
    this.#plans.delete(id)
    const isFresh = plan !== undefined && plan.expiresAt > this.#now()
    if (isFresh && plan.kind === kind && plan.subject === subject) return
    throw new Refusal('PLAN_STALE', 'This plan is used up, too old, or of something else by now', {
      hint: `Make a new one with ${MADE_BY[kind]}, look at it, then carry it out.`,
    })
  }
}
