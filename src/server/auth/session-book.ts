/** Sessions of the console. They live in memory: who restarts the server has everybody log in again. */
import { createHash, randomBytes } from 'node:crypto'
import type { Role } from '../../index.ts'

/** Nobody looked for so long: the next one at that browser may be somebody else. */
const IDLE_MS = 60 * 60_000
const LIFE_MS = 12 * 60 * 60_000
/** A cookie that leaked is of use for so long at most, unless its owner is gone. */
const ROTATE_MS = 15 * 60_000
/** Requests that were sent with the old one arrive yet, when the new one is in use. */
const OLD_ID_MS = 30_000
const SESSIONS_MAX = 1000

export interface SessionOwner {
  readonly name: string
  readonly role: Role
  /** Null: a log-in link. */
  readonly tokenId: string | null
}

export interface Session extends SessionOwner {
  readonly csrfToken: string
  readonly expiresAt: Date
}

interface Entry {
  session: Session
  /** SHA-256 of the cookie's value; the value itself is nowhere here. */
  digest: string
  /** Without an end until the new one is used: an answer that was broken off has brought it to nobody. */
  old: { readonly digest: string; readonly untilMs: number | null } | null
  rotatedAtMs: number
  usedAtMs: number
}

/** A session, and the cookie's new value where it has one. */
export interface FoundSession {
  readonly session: Session
  readonly newId: string | null
  /** Whether it goes on: asked while a stream does. */
  readonly isOpen: () => boolean
}

export class SessionBook {
  readonly #entries = new Set<Entry>()
  readonly #byDigest = new Map<string, Entry>()
  readonly #now: () => Date

  constructor(now: () => Date) {
    this.#now = now
  }

  /** Opens a session. Its id is for the cookie, and stored nowhere. */
  open(owner: SessionOwner): { readonly id: string; readonly session: Session } {
    const now = this.#now().getTime()
    for (const entry of this.#entries) if (!this.#isOpen(entry)) this.#drop(entry)
    const [oldest] = this.#entries
    if (this.#entries.size >= SESSIONS_MAX && oldest !== undefined) this.#drop(oldest)
    const id = randomBytes(32).toString('base64url')
    const { name, role, tokenId } = owner
    const session: Session = {
      name,
      role,
      tokenId,
      csrfToken: randomBytes(32).toString('base64url'),
      expiresAt: new Date(now + LIFE_MS),
    }
    const entry: Entry = { session, digest: digestOf(id), old: null, rotatedAtMs: now, usedAtMs: now }
    this.#entries.add(entry)
    this.#byDigest.set(entry.digest, entry)
    return { id, session }
  }

  /** The session of a cookie; null for none, or one that is over. Notes its use, and gives it a new id now and then. */
  find(id: string): FoundSession | null {
    const digest = digestOf(id)
    const entry = this.#byDigest.get(digest)
    if (entry === undefined) return null
    const now = this.#now().getTime()
    if (!this.#isOpen(entry)) {
      this.#drop(entry)
      return null
    }
    const isOld = entry.digest !== digest
    if (isOld && now > (entry.old?.untilMs ?? Infinity)) return null
    entry.usedAtMs = now
    const { old } = entry
    if (!isOld && old?.untilMs === null) entry.old = { ...old, untilMs: now + OLD_ID_MS }
    const newId =
      now - entry.rotatedAtMs > (isOld ? OLD_ID_MS : ROTATE_MS) ? this.#rotate(entry, digest, now) : null
    return { session: entry.session, newId, isOpen: () => this.#entries.has(entry) && this.#isOpen(entry) }
  }

  close(id: string): void {
    const entry = this.#byDigest.get(digestOf(id))
    if (entry !== undefined) this.#drop(entry)
  }

  /** Closes the sessions that were opened with a token. */
  closeOf(tokenId: string): void {
    for (const entry of this.#entries) if (entry.session.tokenId === tokenId) this.#drop(entry)
  }

  /** @param used the digest of the id that is in use; whichever other one there was is none any more */
  #rotate(entry: Entry, used: string, now: number): string {
    const id = randomBytes(32).toString('base64url')
    for (const digest of [entry.digest, entry.old?.digest])
      if (digest !== undefined && digest !== used) this.#byDigest.delete(digest)
    entry.old = { digest: used, untilMs: null }
    entry.digest = digestOf(id)
    entry.rotatedAtMs = now
    this.#byDigest.set(entry.digest, entry)
    return id
  }

  #isOpen({ session, usedAtMs }: Entry): boolean {
    const now = this.#now().getTime()
    return now < session.expiresAt.getTime() && now - usedAtMs < IDLE_MS
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry)
    this.#byDigest.delete(entry.digest)
    if (entry.old !== null) this.#byDigest.delete(entry.old.digest)
  }
}

/** What is looked up is a hash, so that how long it takes says nothing of the ids there are. */
function digestOf(id: string): string {
  return createHash('sha256').update(id).digest('hex')
}
