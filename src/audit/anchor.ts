/**
 * An anchor: what a target is given to keep of the audit log, which is the number and the hash of its newest line. All of
 * it is in the key, which is put once: whoever may replace objects there, and not delete them, cannot make it say something
 * else. Pure.
 */
import { type AuditHead, sha256 } from './line.ts'

/** No type of backups has a hyphen: nothing else lies there. */
export const ANCHORS_PREFIX = 'audit-anchors/'

export interface AuditAnchor extends AuditHead {
  /** Which file it is of: see {@link logId}. */
  readonly log: string
  /** Which backup directory it is of: see {@link placeId}. */
  readonly place: string
  /** When it was put: UTC, ISO 8601, in whole seconds. */
  readonly time: string
}

/** Enough to tell logs apart; what an anchor proves is in its whole hash. */
const ID_LENGTH = 16

/** What names a file of the log whose first line none could read. */
export const NO_LOG: string = '0'.repeat(ID_LENGTH)

/** What names a file of the log, by the hash of its first line: one that was written anew has another name. */
export function logId(firstHash: string): string {
  return firstHash.slice(0, ID_LENGTH)
}

export interface Place {
  /** What the operating system calls this installation of it; empty where it has no such name. */
  readonly machine: string
  readonly host: string
  /** Absolute, links resolved. */
  readonly backupDir: string
}

/** What names a backup directory, without telling what it is called: one log took another's place where it is the same. */
export function placeId({ machine, host, backupDir }: Place): string {
  return sha256(JSON.stringify([machine, host, backupDir])).slice(0, ID_LENGTH)
}

/** As `time` is written. */
export function anchorTime(now: Date): string {
  return now.toISOString().replace(/\.\d+Z$/, 'Z')
}

const KEY =
  /^audit-anchors\/(?<log>[0-9a-f]{16})-(?<seq>\d{16})-(?<hash>[0-9a-f]{64})-(?<place>[0-9a-f]{16})-(?<time>\d{8}T\d{6}Z)\.json$/

export function anchorKey({ log, seq, hash, place, time }: AuditAnchor): string {
  const compact = time.replaceAll(/[-:]/g, '')
  return `${ANCHORS_PREFIX}${log}-${String(seq).padStart(16, '0')}-${hash}-${place}-${compact}.json`
}

/** What a key says; null for one that is no anchor's. */
export function parseAnchorKey(key: string): AuditAnchor | null {
  const { log, seq, hash, place, time: compact } = KEY.exec(key)?.groups ?? {}
  if (log === undefined || hash === undefined || place === undefined) return null
  const time = String(compact).replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const isOne = Number(seq) > 0 && Number.isSafeInteger(Number(seq)) && !Number.isNaN(Date.parse(time))
  return isOne ? { log, seq: Number(seq), hash, place, time } : null
}

/** What stands in the object, for people: nothing reads it again. */
export function anchorText(anchor: AuditAnchor, database: string): string {
  return `${JSON.stringify({ schema: 1, ...anchor, database })}\n`
}
