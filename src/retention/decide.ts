/** What a retention policy keeps of a list of backups, and why. */
import { isGood } from '../catalog/good-backup.ts'
import { countOf, PRE_RESTORE } from '../catalog/names.ts'
import { Calendar } from './calendar.ts'
import { clockProblem } from './clock.ts'
import { isEmpty, type RetentionPolicy, type RetentionRules, requirePolicy } from './policy.ts'
import { Reasons, type RetentionDecision } from './reasons.ts'
import { type Dated, wishes } from './rules.ts'
import { ownSize, type SizeAnswer, type SizeQuestion } from './sizes.ts'
import { type Candidate, type Foreignness, foreignness } from './standing.ts'
import { before, bytesOf } from './units.ts'

/**
 * Decides what a policy keeps. Reads no clock, deletes nothing. Each database's backups are decided on by
 * themselves, each type's by its own rules. Every rule is applied twice, to all backups of a type and to the good
 * ones alone, and what either keeps is kept: so one that nobody has checked never takes the place of one that was.
 * No policy can let go of a pinned backup, of the newest of a database, of its last good one, or of a file that
 * is not ours; and none lets go of anything while dates and clock contradict each other.
 *
 * @param timeZone IANA name; undefined means the system's
 * @param sizeOf answers what `maxSize` has to know; default: what lies in the backup's own file
 * @returns one decision a backup, newest first. Throws `INVALID_ARGUMENT` for a policy that keeps nothing.
 */
export function decideRetention<Backup extends Candidate>(
  backups: readonly Backup[],
  policy: RetentionPolicy,
  now: Date,
  timeZone: string | undefined,
  sizeOf: (question: SizeQuestion<Backup>) => SizeAnswer = ownSize,
): RetentionDecision<Backup>[] {
  const deciding = decideAsking(backups, policy, now, timeZone)
  let step = deciding.next()
  while (step.done !== true) step = deciding.next(sizeOf(step.value))
  return step.value
}

/**
 * The same where an answer takes its time: the generator yields a question and is handed the answer with the next call.
 * It asks about backups of types with a `maxSize` alone, and stops at the first that does not fit.
 */
export function* decideAsking<Backup extends Candidate>(
  backups: readonly Backup[],
  policy: RetentionPolicy,
  now: Date,
  timeZone: string | undefined,
): Generator<SizeQuestion<Backup>, RetentionDecision<Backup>[], SizeAnswer> {
  requirePolicy(policy)
  const calendar = new Calendar(timeZone)
  const dated = backups.map(backup => ({ backup, at: madeAt(backup, calendar), isGood: isGood(backup) }))
  const ordered = dated.toSorted(newestFirst)
  const reasons = new Reasons<Backup>()
  const ours = ordered.filter(each => {
    const why = foreignness(each.backup)
    if (why !== null) reasons.keep(each, why, FOREIGN[why])
    return why === null
  })
  for (const ofDatabase of Map.groupBy(ours, ({ backup }) => backup.database).values()) {
    guard(ofDatabase, reasons)
    for (const [type, ofType] of Map.groupBy(ofDatabase, ({ backup }) => backup.type)) {
      const rules = Object.hasOwn(policy, type) ? policy[type] : undefined
      if (rules !== undefined) yield* applyRules(ofType, rules, { reasons, calendar, now })
      else for (const each of ofType) reasons.keep(each, 'type-not-named', `the policy does not name ${type}`)
    }
    const problem = clockProblem(
      ofDatabase.map(({ at }) => at),
      now,
    )
    if (problem === null) continue
    for (const each of ofDatabase) if (!reasons.has(each)) reasons.keep(each, 'clock', problem)
  }
  return ordered.map(each => reasons.decision(each))
}

/**
 * Lets at most `maxDeletions` of the backups go that may, the oldest; the others wait for the next run. So no
 * mistake, and nobody who makes backups in order to have others deleted, empties a backup directory at once.
 */
export function capDeletions<Backup extends Candidate>(
  decisions: readonly RetentionDecision<Backup>[],
  maxDeletions: number,
): RetentionDecision<Backup>[] {
  const going = decisions.filter(({ keptBy }) => keptBy.length === 0)
  const waiting = new Set(going.slice(0, Math.max(0, going.length - maxDeletions)))
  return decisions.map(decision =>
    waiting.has(decision)
      ? {
          ...decision,
          keptBy: ['max-deletions'],
          why: `it may go, but a run deletes ${maxDeletions} at most, the oldest first`,
        }
      : decision,
  )
}

const FOREIGN: Readonly<Record<Foreignness, string>> = {
  'no-metadata': 'it has no metadata: somebody copied it in',
  'metadata-invalid': 'its metadata cannot be read',
  'name-differs': 'its name, its place and its metadata do not agree',
}

/** What no policy overrules, whatever it says of the types. */
function guard<Backup extends Candidate>(
  ofDatabase: readonly Dated<Backup>[],
  reasons: Reasons<Backup>,
): void {
  for (const each of ofDatabase) {
    const { pinned } = each.backup
    if (pinned !== null) reasons.keep(each, 'pinned', `pinned by ${pinned.by}: ${pinned.reason}`)
  }
  const newest = ofDatabase.find(({ backup }) => backup.type !== PRE_RESTORE) ?? ofDatabase[0]
  if (newest !== undefined) reasons.keep(newest, 'newest', 'the newest of its database')
  const good = ofDatabase.find(each => each.isGood)
  if (good !== undefined) reasons.keep(good, 'last-good', 'the newest of its database that was checked')
}

interface Surroundings<Backup extends Candidate> {
  readonly reasons: Reasons<Backup>
  readonly calendar: Calendar
  readonly now: Date
}

function* applyRules<Backup extends Candidate>(
  ofType: readonly Dated<Backup>[],
  rules: RetentionRules,
  { reasons, calendar, now }: Surroundings<Backup>,
): Generator<SizeQuestion<Backup>, void, SizeAnswer> {
  const good = ofType.filter(each => each.isGood)
  for (const [list, among] of [
    [ofType, ''],
    [good, ', of those that were checked'],
  ] as const) {
    for (const { dated, rule, why } of wishes(list, rules, calendar)) reasons.keep(dated, rule, why + among)
    for (const each of list.slice(0, rules.minCount ?? 0)) {
      reasons.keep(each, 'min-count', `at least ${rules.minCount} stay${among}`)
    }
  }
  for (const each of ofType) {
    const isYoung = rules.minAge !== undefined && each.at > before(now, rules.minAge)
    if (isYoung) reasons.keep(each, 'min-age', `younger than ${rules.minAge}`)
  }
  if (rules.maxSize !== undefined) yield* fit(ofType, rules, reasons)
}

/**
 * Lets the oldest go until the rest fits, those that nobody has checked before those that were; never the newest.
 * Without another rule all that fit are kept. What two backups have in common counts once, for the one that stays
 * whatever its size, else for the newer one. While nobody knows what one of them takes, none goes.
 */
function* fit<Backup extends Candidate>(
  ofType: readonly Dated<Backup>[],
  { maxSize = 0, ...others }: RetentionRules,
  reasons: Reasons<Backup>,
): Generator<SizeQuestion<Backup>, void, SizeAnswer> {
  const isAlone = isEmpty(others)
  const kept = isAlone ? ofType : ofType.filter(each => reasons.has(each))
  const [fixed, free] = partition(kept, each => each === ofType[0] || reasons.isProtected(each))
  const staying: Backup[] = []
  const going = new Set<Dated<Backup>>()
  let room = bytesOf(maxSize)
  for (const list of [fixed, ...partition(free, each => each.isGood)]) {
    for (const [index, each] of list.entries()) {
      const size = yield { backup: each.backup, staying }
      if (typeof size !== 'number') {
        const why = `maxSize lets none go, because nobody knows what they take: ${size.unknown}`
        for (const one of free) reasons.keep(one, 'size-unknown', why)
        return
      }
      if (list !== fixed && size > room) {
        for (const one of list.slice(index)) going.add(one)
        break
      }
      room -= size
      staying.push(each.backup)
    }
  }
  for (const each of kept) {
    if (going.has(each)) reasons.letGo(each, `it does not fit into ${maxSize}`)
    else if (isAlone) reasons.keep(each, 'max-size', `fits into ${maxSize}`)
  }
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter(item => !isFirst(item))]
}

function madeAt({ metadata, created }: Candidate, calendar: Calendar): Date {
  // Files of the system before this one say only what the clocks showed.
  const isUntimed = metadata !== null && metadata.created_at === undefined
  const shown = isUntimed ? calendar.instantOf(metadata.timestamp) : null
  return shown ?? new Date(created)
}

/** Of one instant the later name (`_2` after none) is the newer. */
function newestFirst<Backup extends Candidate>(a: Dated<Backup>, b: Dated<Backup>): number {
  const byCount = countOf(b.backup.filename) - countOf(a.backup.filename)
  const [nameA, nameB] = [a, b].map(({ backup }) => `${backup.filename}/${backup.type}`) as [string, string]
  return b.at.getTime() - a.at.getTime() || byCount || (nameA < nameB ? 1 : nameA > nameB ? -1 : 0)
}
