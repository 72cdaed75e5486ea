import type { Info } from '../index.ts'
import type { Verdict } from './schemas/databases.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** Without a limit of one's own: a daily backup, and half a day for it to be late. */
const DEFAULT_MAX_AGE_MS = 36 * HOUR_MS
/** A restore that was never tried may not work; weekly drills are the default. */
const DRILL_MAX_AGE_MS = 30 * DAY_MS
const PRE_RESTORE = 'pre_restore'

/**
 * In plain words how well a database is protected. `failing`: there is no backup that could be relied on, or none can be
 * made; `at-risk`: there is one, but something about it is not as it should be. Pure.
 */
export function assessVerdict(info: Info): Verdict {
  const failing = failures(info)
  const risks = risksOf(info)
  if (failing.length > 0) return { status: 'failing', reasons: [...failing, ...risks] }
  if (risks.length > 0) return { status: 'at-risk', reasons: risks }
  return {
    status: 'protected',
    reasons: [`The last good backup was made ${ago(info.backups.lastGoodAgeMs ?? 0)} ago.`],
  }
}

function failures({ backups, databaseProblem, schedule }: Info): string[] {
  const reasons: string[] = []
  if (backups.count === 0) reasons.push('There is no backup yet.')
  else if (backups.lastGood === null) reasons.push('No backup has passed a check.')
  if (databaseProblem !== null) reasons.push(`The database cannot be read: ${databaseProblem}`)
  for (const { job, kind, failingSince } of schedule?.jobs ?? []) {
    if (kind === 'backup' && failingSince !== null) {
      reasons.push(`The job ${job} has been failing since ${failingSince}.`)
    }
  }
  return reasons
}

function risksOf(info: Info): string[] {
  const { backups, maxBackupAgeMs, schedule, disk } = info
  const reasons: string[] = []
  const age = backups.lastGoodAgeMs
  const limit = maxBackupAgeMs ?? DEFAULT_MAX_AGE_MS
  if (age !== null && age > limit) {
    reasons.push(`The last good backup is ${ago(age)} old; it should be no older than ${ago(limit)}.`)
  }
  const { lastDrill } = backups
  if (lastDrill !== null && !lastDrill.passed) {
    reasons.push(`The last drill failed: ${lastDrill.filename} could not be restored.`)
  } else if (
    lastDrill !== null &&
    age !== null &&
    Date.parse(lastDrill.at) < drillLimit(backups.lastGood, age)
  ) {
    reasons.push('The last drill is more than a month ago.')
  }
  const signature = backups.newest?.signature ?? 'valid'
  if (signature !== 'valid') reasons.push('The newest backup is not signed by a key that is trusted.')
  if (backups.newest?.metadata?.damaged_at !== undefined) {
    reasons.push('The last check of the newest backup found damage.')
  }
  reasons.push(...lackedBy(info), ...damagedAt(info))
  for (const { job, kind, failingSince } of schedule?.jobs ?? []) {
    if (kind !== 'backup' && failingSince !== null) {
      reasons.push(`The job ${job} has been failing since ${failingSince}.`)
    }
  }
  // Of a database that cannot be read nobody knows what the next one would take.
  if (disk.nextBackupBytes > 0 && disk.fits < 1) reasons.push('The next backup does not fit on the disk.')
  return reasons
}

/**
 * Which targets the newest backup is not at, as far as is noted: in the backup directory alone, so that of a backup that is
 * kept at a target nothing is said of the others. What a restore keeps of what it overwrote waits for the next sync; then
 * it is about the last good one.
 */
function lackedBy({ backups, targets }: Info): string[] {
  const isKeptByRestore = backups.newest?.type === PRE_RESTORE
  const backup = isKeptByRestore ? backups.lastGood : backups.newest
  if (backup === null || backup.target !== null) return []
  const which = isKeptByRestore ? 'last good' : 'newest'
  return targets
    .filter(({ target }) => !backup.copies.includes(target))
    .map(({ target }) => `The ${which} backup is not at ${target}.`)
}

/** Copies that were read again and found damaged, until a sync has replaced them. */
function damagedAt({ targets }: Info): string[] {
  return targets
    .filter(({ damaged }) => damaged > 0)
    .map(({ target, damaged }) =>
      damaged === 1
        ? `A copy at ${target} is damaged, and has not been replaced.`
        : `${damaged} copies at ${target} are damaged, and have not been replaced.`,
    )
}

/** The instant, in milliseconds, before which a drill is too long ago: told by the last good backup's time and age. */
function drillLimit(lastGood: Info['backups']['lastGood'], lastGoodAgeMs: number): number {
  return lastGood === null ? 0 : Date.parse(lastGood.created) + lastGoodAgeMs - DRILL_MAX_AGE_MS
}

function ago(ms: number): string {
  if (ms < MINUTE_MS) return 'less than a minute'
  if (ms < HOUR_MS) return plural(Math.floor(ms / MINUTE_MS), 'minute')
  return ms < 2 * DAY_MS ? plural(Math.round(ms / HOUR_MS), 'hour') : plural(Math.round(ms / DAY_MS), 'day')
}

function plural(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
