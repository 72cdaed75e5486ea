/** The jobs of a configuration: its own, and the defaults that it does not turn off. */
import { BUILT_IN_TYPES, PRE_RESTORE } from '../catalog/names.ts'
import type { Config, JobConfig } from '../config/config.ts'
import { BackupError } from '../errors.ts'
import { durationMs } from './duration.ts'

export type JobKind = 'backup' | 'sync' | 'cleanup' | 'verify' | 'drill'

/** In this order they run when several are due: what may be lost first, what deletes last. */
export const JOB_KINDS: readonly JobKind[] = ['backup', 'sync', 'verify', 'drill', 'cleanup']

/** One job, with nothing left to a default. */
export interface ScheduledJob {
  readonly name: string
  readonly kind: JobKind
  /** Of the backups it makes; null for other kinds. */
  readonly type: string | null
  readonly cron: string
  /** Undefined: that of the database. */
  readonly timeZone: string | undefined
  /** Names of databases; null: all of them. */
  readonly databases: readonly string[] | null
  /** It starts up to so much later, by a share that is the same every time. */
  readonly jitterMs: number
  /** A run that was missed is made up for unless it was due longer ago than this. */
  readonly catchUpWindowMs: number
  /** How often a failure that may pass is tried again. */
  readonly retriesMax: number
  /** Cancelled after so long; null: never. */
  readonly timeoutMs: number | null
  /** Of a verify job: at most so many backups a run. */
  readonly backupsMax: number
  /** Of a verify job: no further backup is begun after so long. */
  readonly verifyMs: number
  /** Of a verify job: which part of what lies at the targets is read in a run; null: what is here is verified. */
  readonly copies: { readonly within: string } | { readonly sample: string } | null
}

const DEFAULT_JOBS: Readonly<Record<string, JobConfig & { kind: JobKind; cron: string }>> = {
  daily: { kind: 'backup', type: 'daily', cron: '0 2 * * *' },
  weekly: { kind: 'backup', type: 'weekly', cron: '0 3 * * 0' },
  cleanup: { kind: 'cleanup', cron: '0 4 1 * *' },
  drill: { kind: 'drill', cron: '0 5 * * 0' },
}

/** A weekly run is always made up for, a monthly one while it is still of use. */
const DEFAULT_CATCH_UP_WINDOW_MS = 7 * 86_400_000
/** With the pauses of retry.ts: within an hour and a half. */
const DEFAULT_RETRIES = 4
const DEFAULT_VERIFY_BACKUPS = 10
const DEFAULT_VERIFY_MS = 3_600_000
const DEFAULT_WITHIN = '30d'

/** The jobs that a configuration schedules, in the order of their names' first mention. Throws `CONFIG_INVALID`. */
export function resolveJobs(config: Config): ScheduledJob[] {
  const own = config.schedule?.jobs ?? {}
  const names = [...new Set([...Object.keys(DEFAULT_JOBS), ...Object.keys(own)])]
  return names.flatMap(name => {
    const configured = Object.hasOwn(own, name) ? own[name] : {}
    return configured === false || configured === undefined ? [] : [resolveJob(name, configured, config)]
  })
}

function resolveJob(name: string, configured: JobConfig, config: Config): ScheduledJob {
  const inherited = Object.hasOwn(DEFAULT_JOBS, name) ? DEFAULT_JOBS[name] : undefined
  // A default's type goes with its kind.
  const isOther = configured.kind !== undefined && configured.kind !== inherited?.kind
  const job = { ...inherited, ...(isOther ? { type: undefined } : {}), ...configured }
  if (job.kind === undefined || job.cron === undefined) {
    const lacking = job.kind === undefined ? 'kind' : 'cron'
    throw wrong(name, `it has no ${lacking}`, `Add "${lacking}" to schedule.jobs.${name}.`)
  }
  return {
    name,
    kind: job.kind,
    type: job.kind === 'backup' ? typeOf(name, job, config) : null,
    cron: job.cron,
    timeZone: job.timeZone,
    databases: job.databases === undefined ? null : knownDatabases(name, job.databases, config),
    jitterMs: job.jitter === undefined ? 0 : durationMs(job.jitter),
    catchUpWindowMs:
      job.catchUpWindow === undefined ? DEFAULT_CATCH_UP_WINDOW_MS : durationMs(job.catchUpWindow),
    retriesMax: job.retries ?? DEFAULT_RETRIES,
    timeoutMs: job.timeout === undefined ? null : durationMs(job.timeout),
    backupsMax: job.maxBackups ?? DEFAULT_VERIFY_BACKUPS,
    verifyMs: job.maxTime === undefined ? DEFAULT_VERIFY_MS : durationMs(job.maxTime),
    copies: copiesOf(name, job),
  }
}

function copiesOf(name: string, { copies, within, share }: JobConfig): ScheduledJob['copies'] {
  if (copies !== true && (within ?? share) === undefined) return null
  const hint = `Say it as in: { "kind": "verify", "copies": true, "within": "${DEFAULT_WITHIN}", "cron": "0 6 * * *" }.`
  if (copies !== true) throw wrong(name, '"within" and "share" are of a job with "copies": true', hint)
  if (within !== undefined && share !== undefined) throw wrong(name, 'it has both "within" and "share"', hint)
  return share === undefined ? { within: within ?? DEFAULT_WITHIN } : { sample: share }
}

/** A backup's type decides how long it is kept, so it is never guessed. */
function typeOf(name: string, job: JobConfig, config: Config): string {
  const known = [...BUILT_IN_TYPES, ...(config.backupTypes ?? [])].filter(type => type !== PRE_RESTORE)
  const type = job.type ?? name
  if (known.includes(type)) return type
  throw wrong(
    name,
    `${JSON.stringify(type)} is not a type of scheduled backups`,
    `Give it one as "type": ${known.join(', ')}; or add the type to backupTypes.`,
  )
}

function knownDatabases(name: string, wanted: readonly string[], config: Config): readonly string[] {
  const known = Object.keys(config.databases ?? {})
  const unknown = wanted.find(database => !known.includes(database))
  if (unknown === undefined) return wanted
  throw wrong(
    name,
    `there is no database ${JSON.stringify(unknown)}`,
    known.length === 0 ? 'Leave "databases" out: there is only one.' : `There are: ${known.join(', ')}.`,
  )
}

function wrong(name: string, what: string, hint: string): BackupError {
  return new BackupError('CONFIG_INVALID', `The job ${JSON.stringify(name)} is not valid: ${what}`, { hint })
}
