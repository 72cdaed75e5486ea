/** What a service manager must know to run the scheduler: facts only, from which units and crontab lines are written. */
export interface ServicePlan {
  /** Of the units, without their endings. */
  readonly name: string
  /** Names of the databases, for people. */
  readonly databases: readonly string[]
  /** Absolute path of the Node that runs the scheduler, and of the scheduler. */
  readonly program: string
  readonly script: string
  readonly options: readonly string[]
  /** Variables that the configuration depends on; none of them is a secret. */
  readonly environment: Readonly<Record<string, string>>
  readonly workingDirectory: string
  /** Directories that are written: of the databases, because readers of a WAL write its index, and of the backups. */
  readonly writtenDirectories: readonly string[]
  /** Further paths that are read. */
  readonly readPaths: readonly string[]
  /** Name or number. */
  readonly user: string
  /** IANA; undefined: the system's. */
  readonly timeZone: string | undefined
}

/** A run of the schedule's default jobs, for those who have another scheduler: for systemd and for cron. */
export const DEFAULT_RUNS: readonly {
  readonly job: string
  readonly calendar: string
  readonly cron: string
}[] = [
  { job: 'daily', calendar: '*-*-* 02:00:00', cron: '0 2 * * *' },
  { job: 'weekly', calendar: 'Sun *-*-* 03:00:00', cron: '0 3 * * 0' },
  { job: 'cleanup', calendar: '*-*-01 04:00:00', cron: '0 4 1 * *' },
  { job: 'drill', calendar: 'Sun *-*-* 05:00:00', cron: '0 5 * * 0' },
]

/** First line of what we write, by which we know it again: only that is ever replaced. */
export function markOf({ workingDirectory }: ServicePlan): string {
  return `# Written by chame-backup systemd for ${workingDirectory}`
}

/** Whether any of the plan's paths lies in or below one of `directories`. */
export function hasPathBelow(plan: ServicePlan, directories: readonly string[]): boolean {
  const { program, script, workingDirectory, writtenDirectories, readPaths } = plan
  return [program, script, workingDirectory, ...writtenDirectories, ...readPaths].some(path =>
    directories.some(directory => path === directory || path.startsWith(`${directory}/`)),
  )
}
