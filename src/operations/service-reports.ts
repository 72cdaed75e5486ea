/** What is asked of, and answered by, the writing of units and crontab lines. */

/** `daemon`: one service that runs the scheduler. `timer`: a timer for each run. `crontab`: lines for cron. */
export type ServiceForm = 'daemon' | 'timer' | 'crontab'

export interface ServiceFilesRequest {
  /** Default `daemon`. */
  readonly form?: ServiceForm
  /** Write the units; default false: only say what they would be. Not for a crontab. */
  readonly install?: boolean
  /** Where they are written. Default: `/etc/systemd/system`. */
  readonly directory?: string
  /** Name of the units, which lets several applications of one machine have theirs. Default: `chame-backup-scheduler`. */
  readonly name?: string
  /** Who runs the scheduler. Default: the owner of the database, else the user of this process. */
  readonly user?: string
}

export interface ServiceFiles {
  readonly success: true
  readonly form: ServiceForm
  /** `path` is where a unit was, or would be, written; null for a crontab. */
  readonly files: readonly { readonly name: string; readonly path: string | null; readonly text: string }[]
  readonly installed: boolean
  /** What to type next. */
  readonly next: readonly string[]
  /** What the user should know, such as a directory that is not there yet. */
  readonly notes: readonly string[]
}
