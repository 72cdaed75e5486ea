import { realpath } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { LogConfig } from '../config/config.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import type { NotifyConfig } from '../config/notify.ts'
import { secretVariables } from '../config/secret.ts'
import { resolveSettings, type Settings } from '../config/settings.ts'
import { databaseOf } from '../database.ts'
import type { DatabaseOptions } from '../database-core.ts'
import { BackupError } from '../errors.ts'
import { bytesOf } from '../retention/units.ts'
import { jitterOffset } from '../schedule/due.ts'
import { durationMs } from '../schedule/duration.ts'
import { resolveJobs, type ScheduledJob } from '../schedule/jobs.ts'
import type { LogSettings } from './reports.ts'
import type { Task } from './task.ts'

/** Which databases, and from which configuration. */
export type SchedulerOptions = Pick<
  DatabaseOptions,
  'path' | 'backupDir' | 'database' | 'config' | 'timeZone' | 'disposable'
>

/** What a configuration asks of the scheduler. */
export interface SchedulePlan {
  /** The configuration file; null without one. */
  readonly file: string | null
  readonly jobs: readonly ScheduledJob[]
  /** By backup directory, each with at least one task. */
  readonly directories: ReadonlyMap<string, readonly Task[]>
  readonly graceMs: number
  /** When the digest is sent; null: never. */
  readonly digestCron: string | null
  /** Whom to tell; undefined: nobody. */
  readonly notify: NotifyConfig | undefined
  /** Where relative paths in the configuration start. */
  readonly directory: string
  readonly log: LogSettings
  /** Of the digest, and of times in notifications; undefined: the system's. */
  readonly timeZone: string | undefined
}

const LOG_FILE = 'backup_scheduler.log'
/** Years of a scheduler whose jobs run every night. */
const DEFAULT_LOG_BYTES = 10_000_000
const DEFAULT_LOG_DAYS = 30

function logSettings(
  configured: LogConfig | undefined,
  { loaded, backupDir }: { loaded: LoadedConfig; backupDir: string },
): LogSettings {
  const { path, level = 'info', maxSize = DEFAULT_LOG_BYTES, maxDays = DEFAULT_LOG_DAYS } = configured ?? {}
  return {
    success: true,
    path: path === undefined ? join(backupDir, LOG_FILE) : resolve(loaded.directory, path),
    level,
    maxSizeBytes: bytesOf(maxSize),
    maxDays,
    secrets: secretVariables([loaded.config.notify, loaded.config.targets, loaded.config.signing]),
  }
}

/** Services give a program 90 seconds to end (systemd); some of them are for cleaning up. */
const DEFAULT_GRACE_MS = 60_000
/** Monday morning, when somebody is there to read it. */
const DEFAULT_DIGEST = '0 8 * * 1'

/** Reads the configuration. Throws `CONFIG_INVALID`, or `INVALID_ARGUMENT` for an unknown database. */
export async function readPlan(options: SchedulerOptions): Promise<SchedulePlan> {
  const workingDirectory = process.cwd()
  const loaded = await loadConfig(workingDirectory, options.config ?? process.env['CHAME_BACKUP_CONFIG'])
  const { schedule, databases = {} } = loaded.config
  const listed = Object.keys(databases)
  const isOne = options.path !== undefined || options.database !== undefined || listed.length === 0
  const names = isOne ? [options.database] : listed
  const all = names.map(database =>
    resolveSettings(loaded, { ...options, database }, process.env, workingDirectory),
  )
  const jobs = resolveJobs(loaded.config)
  return {
    file: loaded.file,
    jobs,
    directories: await byDirectory(all.flatMap(settings => tasksOf(settings, jobs))),
    graceMs: schedule?.graceTime === undefined ? DEFAULT_GRACE_MS : durationMs(schedule.graceTime),
    digestCron: schedule?.digest === false ? null : (schedule?.digest ?? DEFAULT_DIGEST),
    notify: loaded.config.notify,
    directory: loaded.directory,
    log: logSettings(schedule?.log, { loaded, backupDir: all[0]?.backupDir ?? workingDirectory }),
    timeZone: all[0]?.timeZone,
  }
}

function tasksOf(settings: Settings, jobs: readonly ScheduledJob[]): Task[] {
  const database = databaseOf(settings, { door: 'scheduler' })
  return jobs
    .filter(({ databases }) => databases === null || databases.includes(settings.name))
    .map(job => {
      const offsetMs = jitterOffset(job.jitterMs, `${hostname()}/${settings.name}/${job.name}`)
      const { cron, catchUpWindowMs, timeZone = settings.timeZone } = job
      return { job, settings, database, rule: { cron, catchUpWindowMs, timeZone, offsetMs } }
    })
}

async function byDirectory(tasks: readonly Task[]): Promise<ReadonlyMap<string, readonly Task[]>> {
  const byName = Map.groupBy(tasks, ({ settings }) => settings.backupDir)
  const directories = new Map<string, Task[]>()
  for (const [name, named] of byName) {
    // One directory by two names is one; what is not there yet has only this name.
    const directory = await realpath(name).catch(() => name)
    directories.set(directory, [...(directories.get(directory) ?? []), ...named])
  }
  return directories
}

/** The tasks of a job, by its name. Throws `INVALID_ARGUMENT`. */
export function tasksNamed(
  { jobs, directories }: SchedulePlan,
  name: string,
): ReadonlyMap<string, readonly Task[]> {
  const chosen = [...directories].flatMap(([directory, tasks]) => {
    const named = tasks.filter(({ job }) => job.name === name)
    return named.length === 0 ? [] : [[directory, named] as const]
  })
  if (chosen.length > 0) return new Map(chosen)
  throw new BackupError('INVALID_ARGUMENT', `There is no job ${JSON.stringify(name)}`, {
    hint:
      jobs.length === 0
        ? 'The configuration turns off all of them.'
        : `There are: ${jobs.map(job => job.name).join(', ')}.`,
  })
}
