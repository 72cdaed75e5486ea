/** Secrets that let somebody in: how they are made, read and compared. Pure but for the randomness it is given. */
import { createHash, timingSafeEqual } from 'node:crypto'

/** `viewer` looks; `operator` makes backups, checks and exports without sensitive data; `admin` does all. */
export type Role = 'viewer' | 'operator' | 'admin'

export const ROLES: readonly Role[] = ['viewer', 'operator', 'admin']

/** `chb`: an API token; `chl`: a log-in link. Scanners for leaked secrets know them by it. */
export type SecretKind = 'chb' | 'chl'

/** 256 bits: nobody guesses one, so a fast hash is enough to store. */
const SECRET_BYTES = 32
const ID_BYTES = 8
const FORM = /^(?<kind>chb|chl)_(?<id>[0-9a-f]{16})_(?<key>[A-Za-z0-9_-]{43})$/

export interface NewSecret {
  /** Public: it may stand in logs and lists. */
  readonly id: string
  /** What its owner keeps; it is stored nowhere. */
  readonly secret: string
  /** SHA-256, hex: what is stored of it. */
  readonly digest: string
}

/** @param randomBytes of a cryptographic generator */
export function makeSecret(kind: SecretKind, randomBytes: (count: number) => Buffer): NewSecret {
  const id = randomBytes(ID_BYTES).toString('hex')
  const key = randomBytes(SECRET_BYTES).toString('base64url')
  return { id, secret: `${kind}_${id}_${key}`, digest: digestOf(key) }
}

export interface ParsedSecret {
  readonly kind: SecretKind
  readonly id: string
  readonly digest: string
}

/** Null for what has not the form of one. */
export function parseSecret(text: string): ParsedSecret | null {
  const { kind, id, key } = FORM.exec(text)?.groups ?? {}
  if (kind === undefined || id === undefined || key === undefined) return null
  return { kind: kind as SecretKind, id, digest: digestOf(key) }
}

/** Takes the same time wherever they differ. Both are SHA-256 in hex; what is not never equals anything. */
export function sameDigest(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a, 'hex'), Buffer.from(b, 'hex')]
  return left.length === 32 && right.length === 32 && timingSafeEqual(left, right)
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
