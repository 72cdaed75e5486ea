/** What a scheduler reports of itself, one entry an event. No secrets: paths, names, times and messages of failures. */
export interface SchedulerLogEntry {
  readonly level: 'info' | 'warn' | 'error'
  readonly event: SchedulerLogEvent
  /** A sentence for people. */
  readonly message: string
  readonly fields: Readonly<Record<string, string | number | null>>
}

export type SchedulerLogEvent =
  | 'started'
  | 'stopping'
  | 'stopped'
  | 'job-started'
  | 'job-succeeded'
  | 'job-retrying'
  | 'job-failed'
  | 'job-cancelled'
  | 'job-interrupted'
  | 'job-recovered'
  | 'runs-missed'
  | 'clock-set-back'
  | 'overdue'
  | 'no-longer-overdue'
  | 'state-damaged'
  | 'state-not-written'
  | 'reloaded'
  | 'reload-refused'
  | 'not-told'
  | 'trouble'

export type SchedulerLog = (entry: SchedulerLogEntry) => void
