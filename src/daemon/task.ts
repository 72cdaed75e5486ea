import type { Settings } from '../config/settings.ts'
import type { Database } from '../database.ts'
import type { DueRule } from '../schedule/due.ts'
import type { ScheduledJob } from '../schedule/jobs.ts'

/** One job on one database: what is run, retried and remembered by itself. */
export interface Task {
  readonly job: ScheduledJob
  readonly settings: Settings
  readonly database: Database
  readonly rule: DueRule
}

/** "daily of chame" */
export function nameOf({ job, settings }: Task): string {
  return `${job.name} of ${settings.name}`
}

/** How a log names it. */
export function fieldsOf({ job, settings }: Task): { job: string; database: string } {
  return { job: job.name, database: settings.name }
}
