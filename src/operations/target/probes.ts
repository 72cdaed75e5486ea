/** Trying a target: each probe does one thing and looks whether it was done. */
import { randomBytes } from 'node:crypto'
import type { TargetConfig } from '../../config/targets.ts'
import { CHECKS_PREFIX, isCheckKey } from '../../catalog/target-keys.ts'
import { toFailure } from '../../errors.ts'
import { roughSize } from '../../storage/sizes.ts'
import type { KindProbe } from '../../storage/target-probe.ts'
import { contentOf } from '../../storage/source.ts'
import type { GetOptions, StoredObject, Target } from '../../storage/target.ts'
import type { TargetProbe, TargetProbeName } from '../target-reports.ts'

/** What the probes of one check work with. */
export interface Probing {
  readonly config: TargetConfig
  readonly target: Target
  /** The same, with two keys a page, and with conditional writes tried whatever was seen before. */
  readonly trusting: Target
  readonly kind: KindProbe | null
  /** A key of this check: all of them are deleted at its end. */
  readonly key: (name: string) => string
  readonly options: { readonly signal: AbortSignal }
}

type Answer = Pick<TargetProbe, 'status' | 'detail'>
type Probe = (probing: Probing) => Promise<Answer>

const BYTES = randomBytes(100_000)
/** More than two parts of the smallest size there is, which the check uses. */
const LARGE_BYTES = 11 << 20
/** More would cost minutes on a slow line; a server that does not decide it was seen to fail in the first. */
const RACE_ROUNDS = 10
const RACERS = 8
/** Signatures are refused from 15 minutes on. */
const SKEW_MAX_MS = 5 * 60_000

export const PROBES: Readonly<Record<Exclude<TargetProbeName, 'delete'>, Probe>> = {
  async put({ target, key, options }) {
    await target.put(key('a'), contentOf(Buffer.from('first')), options)
    await target.put(key('a'), contentOf(BYTES), options)
    const head = await target.head(key('a'), options)
    return judge(
      head?.sizeBytes === BYTES.length,
      'puts and replaces objects',
      'an object that was put is not there',
    )
  },
  async get({ target, key, options }) {
    const bytes = await read(target, key('a'), options)
    return judge(bytes.equals(BYTES), 'gives back what was put', 'gives back other bytes than were put')
  },
  async range({ target, key, options }) {
    const range = { from: 12_345, length: 678 }
    const bytes = await read(target, key('a'), { ...options, range })
    const isRight = bytes.equals(BYTES.subarray(range.from, range.from + range.length))
    return judge(isRight, 'gives parts of objects', 'gives other parts than were asked for')
  },
  async list({ target, key, options }) {
    const keys = await keysOf(target, key(''), options)
    return judge(keys.includes(key('a')), 'lists what was just put', 'does not list what was just put')
  },
  async paging({ config, trusting, key, options }) {
    if (config.kind !== 's3') return NO_PAGES
    const names = ['p1', 'p2', 'p3', 'p4', 'p5'].map(key)
    for (const name of names) await trusting.put(name, contentOf(Buffer.from('x')), options)
    const keys = await keysOf(trusting, key('p'), options)
    const isWhole = names.every(name => keys.filter(listed => listed === name).length === 1)
    return judge(isWhole, 'lists more than one page', 'leaves objects out of a listing of several pages')
  },
  async multipart({ config, target, key, options }) {
    if (config.kind !== 's3') return NO_PARTS
    const bytes = randomBytes(LARGE_BYTES)
    await target.put(key('large'), contentOf(bytes), options)
    const got = await read(target, key('large'), options)
    return judge(got.equals(bytes), 'takes large objects in parts', 'makes other bytes of parts')
  },
  async checksum({ kind, key, options }) {
    if (kind === null) return NO_CHECKSUM
    const { md5, sha256 } = await kind.refusesWrongBytes(key('wrong'), options)
    if (md5 && sha256)
      return { status: 'yes', detail: 'refuses bytes that are not those of their MD5 or SHA-256' }
    if (md5 || sha256)
      return { status: 'yes', detail: `refuses bytes that are not those of their ${md5 ? 'MD5' : 'SHA-256'}` }
    return { status: 'no', detail: 'takes bytes that are not those of their checksum' }
  },
  async clock({ kind, options }) {
    const skewMs = (await kind?.clockSkewMs(options)) ?? null
    if (skewMs === null) return { status: 'skipped', detail: 'does not tell the time' }
    const isFine = Math.abs(skewMs) <= SKEW_MAX_MS
    const seconds = Math.round(Math.abs(skewMs) / 1000)
    return judge(
      isFine,
      `its clock and the one here differ by ${seconds} s`,
      `its clock and the one here differ by ${seconds} s: set them`,
    )
  },
  async 'put-if-absent'({ target, key, options }) {
    const wasFree = await target.putIfAbsent(key('once'), Buffer.from('first'), options)
    const wasTaken = !(await target.putIfAbsent(key('once'), Buffer.from('second'), options))
    const bytes = await read(target, key('once'), options)
    const isRight = wasFree && wasTaken && String(bytes) === 'first'
    return judge(isRight, 'keeps what has a key, one after another', 'replaced what had a key')
  },
  async race({ config, trusting, key, options }) {
    if (config.kind === 'rclone') return NO_RACE
    try {
      for (let round = 0; round < RACE_ROUNDS; round++) {
        const winners = await raceFor(trusting, key(`race-${round}`), options)
        if (winners !== 1)
          return { status: 'no', detail: `of ${RACERS} at once ${winners} were told that the key was theirs` }
      }
    } catch (error) {
      if (toFailure(error).code === 'TARGET_REFUSED')
        return { status: 'no', detail: 'does not know conditional writes' }
      throw error
    }
    return {
      status: 'yes',
      detail: `of ${RACERS} at once one wins, in ${RACE_ROUNDS} rounds of ${RACE_ROUNDS}`,
    }
  },
  async 'object-lock'({ config, kind, key, options }) {
    if (kind === null || config.kind !== 's3') return { status: 'skipped', detail: 'has no object lock' }
    if (config.objectLock === undefined) return { status: 'skipped', detail: 'is not asked for' }
    const seen = await kind.keepsLocked(key('locked'), options)
    return judge(seen === 'kept', 'keeps what is locked', `was asked for a lock, and ${LOCK_WORDS[seen]}`)
  },
  async 'free-space'({ target, options }) {
    const bytes = await target.freeBytes(options)
    return bytes === null
      ? { status: 'no', detail: 'does not tell how much may still be written' }
      : { status: 'yes', detail: `${roughSize(bytes)} may still be written` }
  },
}

const LOCK_WORDS = {
  kept: 'kept it',
  deleted: 'deleted it all the same',
  'not-locked': 'did not lock',
} as const
const NO_PAGES: Answer = { status: 'skipped', detail: 'its listings have no pages' }
const NO_PARTS: Answer = { status: 'skipped', detail: 'takes objects in one piece' }
const NO_CHECKSUM: Answer = { status: 'skipped', detail: 'is sent no checksums' }
const NO_RACE: Answer = { status: 'no', detail: 'cannot decide between several at once' }

function judge(isRight: boolean, right: string, wrong: string): Answer {
  return isRight ? { status: 'yes', detail: right } : { status: 'failed', detail: wrong }
}

async function raceFor(target: Target, key: string, options: Probing['options']): Promise<number> {
  const racers = Array.from({ length: RACERS }, (_, index) =>
    target.putIfAbsent(key, Buffer.from(`racer ${index}`), options),
  )
  // All of them, before one that failed is told: nothing must go on behind the check.
  const results = await Promise.allSettled(racers)
  const failed = results.find(result => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return results.filter(result => result.status === 'fulfilled' && result.value).length
}

async function read(target: Target, key: string, options: GetOptions): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of target.get(key, options)) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** No check takes as long, and no clock is off by as much. */
const ABANDONED_MS = 24 * 3_600_000

/** What the keys of a new check begin with. */
export function newPrefix(): string {
  return `${CHECKS_PREFIX}${randomBytes(4).toString('hex')}-`
}

/** Deletes what checks have left that were killed, as far as this key can. Never throws. */
export async function deleteAbandoned(target: Target, now: Date, options: Probing['options']): Promise<void> {
  await deleteAll(target, CHECKS_PREFIX, options, ({ key, modified }) => {
    const isOld = modified !== null && now.getTime() - Date.parse(modified) > ABANDONED_MS
    return isOld && isCheckKey(key)
  })
}

/** Deletes what the check has put, which is also how it is seen whether this key can delete. Never throws. */
export async function deleteAll(
  target: Target,
  prefix: string,
  options: Probing['options'],
  isMeant: (object: StoredObject) => boolean = () => true,
): Promise<{ left: string[]; answer: Answer }> {
  const left: string[] = []
  try {
    for (const key of await keysOf(target, prefix, options, isMeant)) {
      try {
        await target.delete(key, options)
      } catch (error) {
        if (toFailure(error).code !== 'OBJECT_LOCKED') throw error
        left.push(key)
      }
    }
  } catch (error) {
    return { left, answer: { status: 'failed', detail: toFailure(error).message } }
  }
  if (left.length > 0) return { left, answer: { status: 'no', detail: 'this key cannot delete' } }
  return { left, answer: { status: 'yes', detail: 'this key can delete' } }
}

async function keysOf(
  target: Target,
  prefix: string,
  options: Probing['options'],
  isMeant: (object: StoredObject) => boolean = () => true,
): Promise<string[]> {
  const keys: string[] = []
  for await (const object of target.list(prefix, options)) if (isMeant(object)) keys.push(object.key)
  return keys
}
