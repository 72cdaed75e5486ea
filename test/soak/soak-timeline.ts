/**
 * Which states a database may have been in, and when, as far as those can say who changed it: its writer,
 * whose commits have numbers, and restores, which bring back the state of a backup. Times only grow.
 */

/** A commit or a restore. Until it has ended nobody can say whether it has happened. */
interface Change {
  readonly id: number
  readonly begin: number
  end: number | null
}

interface Presence {
  readonly id: number
  readonly from: number
  to: number
}

/** What ended longer ago no new backup can hold. */
const KEPT_US = 600_000_000

export class Timeline {
  readonly problems: string[] = []
  readonly #commits = new Map<number, number>()
  #changes: Change[] = []
  #presences: Presence[] = []
  #writing: Change | null = null
  readonly #restoring = new Map<string, Change>()
  #now = 0

  /** A writer has started and says what it finds: so this is the state, and what its predecessor began is over. */
  found(time: number, id: number, commits: number): void {
    const at = this.#advance(time)
    if (this.#commits.size > 0) this.#requirePossible(id, at, 'The writer found')
    this.#commits.set(id, commits)
    this.#changes = this.#changes.filter(change => change !== this.#writing)
    this.#writing = null
    this.#conclude(this.#begin(id, at), at)
  }

  /** A writer is about to commit `id` onto `parent`. */
  committing(time: number, id: number, commits: number, parent: number): void {
    const at = this.#advance(time)
    this.#requirePossible(parent, at, 'The writer goes on from')
    this.#commits.set(id, commits)
    this.#writing = this.#begin(id, at)
  }

  committed(time: number, id: number): void {
    const at = this.#advance(time)
    if (this.#writing?.id !== id) return
    this.#conclude(this.#writing, at)
    this.#writing = null
  }

  restoring(time: number, key: string, id: number): void {
    this.#restoring.set(key, this.#begin(id, this.#advance(time)))
  }

  /** After a restore that failed or was killed, what was there may be there again. */
  restored(time: number, key: string, isDone: boolean): void {
    const at = this.#advance(time)
    const change = this.#restoring.get(key)
    if (change === undefined) return
    this.#restoring.delete(key)
    if (isDone) return this.#conclude(change, at)
    change.end = at
    for (const { id } of this.#presences.filter(({ to }) => to >= change.begin)) {
      this.#changes.push({ id, begin: change.begin, end: at })
      this.#show(id, at)
    }
  }

  /** The states that the database may have been in at some instant from `from` to `to`, with their commits. */
  possibleWithin(from: number, to: number): Map<number, number> {
    const within = this.#presences.filter(presence => presence.from <= to && presence.to >= from)
    return new Map(within.map(({ id }) => [id, this.#commits.get(id) ?? -1]))
  }

  #advance(time: number): number {
    this.#now = Math.max(this.#now, time)
    return this.#now
  }

  #begin(id: number, at: number): Change {
    const change: Change = { id, begin: at, end: null }
    this.#changes.push(change)
    this.#show(id, at)
    return change
  }

  #show(id: number, at: number): void {
    const isThere = this.#presences.some(presence => presence.id === id && presence.to === Infinity)
    if (!isThere) this.#presences.push({ id, from: at, to: Infinity })
  }

  /** The change has happened: only what may have happened after it can be there instead. */
  #conclude(change: Change, at: number): void {
    change.end = at
    this.#changes = this.#changes.filter(other => other.end === null || other.end >= change.begin)
    const possible = new Set(this.#changes.map(({ id }) => id))
    for (const presence of this.#presences) {
      if (presence.to === Infinity && !possible.has(presence.id)) presence.to = at
    }
    this.#presences = this.#presences.filter(({ to }) => to > at - KEPT_US)
  }

  #requirePossible(id: number, at: number, what: string): void {
    if (this.possibleWithin(at, at).has(id)) return
    const possible = [...this.possibleWithin(at, at)].map(([state, commits]) => `${state} (${commits})`)
    this.problems.push(`At ${at}: ${what} state ${id}, which cannot be: ${possible.join(', ')} could`)
  }
}
