/** Metrics in the text format of Prometheus (exposition format 0.0.4). */
import type { DatabaseHealth, Health, JobHealth, TypeHealth } from './health.ts'

/** Of every metric's name. */
export const PREFIX = 'chame_backup_'

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly labels: Labels
  readonly value: number
}

/** One metric: all of them are gauges, as every run writes the state anew. */
interface Metric {
  readonly name: string
  readonly help: string
  readonly samples: (health: Health) => readonly Sample[]
}

const METRICS: readonly Metric[] = [
  {
    name: 'metrics_timestamp_seconds',
    help: 'When these metrics were made.',
    samples: ({ at }) => [{ labels: {}, value: secondsOf(at) }],
  },
  ofDatabases(
    'catalog_readable',
    'Whether the catalog of the database could be read (1) or not (0).',
    ({ isReadable }) => Number(isReadable),
  ),
  ofDatabases(
    'newest_good_timestamp_seconds',
    'When the newest backup that can be relied on was made, by whatever job or by hand; 0 when there is none.',
    ({ isReadable, newestGoodAt }) => {
      if (!isReadable) return null
      return newestGoodAt === null ? 0 : secondsOf(newestGoodAt)
    },
  ),
  ofTypes('last_success_timestamp_seconds', 'When the newest backup of this type was made.', ({ newest }) =>
    whenKnown(newest?.at, secondsOf),
  ),
  ofTypes(
    'last_success_age_seconds',
    'How old it was when these metrics were made. For alerts use time() and the timestamp: this file may be old.',
    ({ newest }, { at }) => whenKnown(newest?.at, made => Math.max(0, secondsOf(at) - secondsOf(made))),
  ),
  ofTypes('last_duration_seconds', 'How long it took to make it.', ({ newest }) =>
    whenKnown(newest?.durationMs, fromMs),
  ),
  ofTypes('last_size_bytes', 'Size of its stored file.', ({ newest }) => newest?.sizeBytes ?? null),
  ofTypes(
    'last_verified',
    'Whether it was read back and found intact (1) or not checked (0).',
    ({ newest }) => whenKnown(newest?.isVerified, Number),
  ),
  ofTypes(
    'last_verify_timestamp_seconds',
    'When a backup of this type was last read back and found intact.',
    ({ lastVerifiedAt }) => whenKnown(lastVerifiedAt, secondsOf),
  ),
  ofTypes(
    'last_drill_timestamp_seconds',
    'When a backup of this type was last restored for a drill.',
    ({ lastDrill }) => whenKnown(lastDrill?.at, secondsOf),
  ),
  ofTypes('last_drill_passed', 'Whether that drill passed (1) or failed (0).', ({ lastDrill }) =>
    whenKnown(lastDrill?.passed, Number),
  ),
  ofTypes('last_drill_duration_seconds', 'How long that drill took.', ({ lastDrill }) =>
    whenKnown(lastDrill?.durationMs, fromMs),
  ),
  ofTypes('backups', 'How many backups of this type there are.', ({ backups }) => backups),
  ofTypes('stored_bytes', 'What their own files take together.', ({ bytes }) => bytes),
  ofDatabases(
    'pack_bytes',
    'What the packs in its backup directory take, which backups of pages rely on, of all databases there.',
    ({ packBytes }) => packBytes,
  ),
  ofTypes(
    'backups_without_metadata',
    'How many of them have no metadata that can be read.',
    ({ withoutMetadata }) => withoutMetadata,
  ),
  ofJobs('job_last_run_timestamp_seconds', 'When the job last ran.', ({ lastRunAt }) =>
    whenKnown(lastRunAt, secondsOf),
  ),
  ofJobs('job_last_success_timestamp_seconds', 'When the job last succeeded.', ({ lastSuccessAt }) =>
    whenKnown(lastSuccessAt, secondsOf),
  ),
  ofJobs('job_failing', 'Whether the job fails (1) or is well (0).', ({ failingSince }) =>
    Number(failingSince !== null),
  ),
  ofJobs('job_failing_since_timestamp_seconds', 'Since when the job fails.', ({ failingSince }) =>
    whenKnown(failingSince, secondsOf),
  ),
  ofJobs('job_next_run_timestamp_seconds', 'When the job runs next.', ({ nextRunAt }) =>
    whenKnown(nextRunAt, secondsOf),
  ),
]

/** Reads no clock and no files. A metric without a value is left out, with its help. */
export function renderMetrics(health: Health): string {
  return METRICS.flatMap(({ name, help, samples }) => {
    const lines = samples(health).map(
      ({ labels, value }) => `${PREFIX}${name}${renderLabels(labels)} ${value}`,
    )
    if (lines.length === 0) return []
    return [`# HELP ${PREFIX}${name} ${help}`, `# TYPE ${PREFIX}${name} gauge`, ...lines]
  })
    .map(line => `${line}\n`)
    .join('')
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** A value of null is one that is not known. */
type Value = number | null

function ofDatabases(name: string, help: string, value: (database: DatabaseHealth) => Value): Metric {
  return {
    name,
    help,
    samples: ({ databases }) =>
      databases.flatMap(database => sampleOf({ database: database.database }, value(database))),
  }
}

function ofTypes(name: string, help: string, value: (type: TypeHealth, health: Health) => Value): Metric {
  return {
    name,
    help,
    samples: health =>
      health.databases.flatMap(({ database, types }) =>
        types.flatMap(type => sampleOf({ database, type: type.type }, value(type, health))),
      ),
  }
}

function ofJobs(name: string, help: string, value: (job: JobHealth) => Value): Metric {
  return {
    name,
    help,
    samples: ({ jobs = [] }) =>
      jobs.flatMap(job => sampleOf({ database: job.database, job: job.job }, value(job))),
  }
}

function sampleOf(labels: Labels, value: Value): Sample[] {
  return value === null ? [] : [{ labels, value }]
}

function whenKnown<T>(value: T | null | undefined, convert: (value: T) => number): Value {
  return value === null || value === undefined ? null : convert(value)
}

function secondsOf(at: Date): number {
  return at.getTime() / 1000
}

function fromMs(ms: number): number {
  return ms / 1000
}
