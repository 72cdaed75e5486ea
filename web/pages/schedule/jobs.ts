import type { JobConfig, ScheduleEdit, ScheduleView } from '../../api/types.ts'

/** Jobs that there are without a configuration. */
export const DEFAULT_JOBS: readonly string[] = ['daily', 'weekly', 'cleanup', 'drill']

/** What becomes of a job: `false` turns a default one off, null takes out what is configured of it. */
export type JobChange = JobConfig | false | null

interface Seen extends Pick<ScheduleView, 'configured'> {
  readonly editable: Pick<ScheduleView['editable'], 'version'>
}

/** The configured schedule with one job as it shall be. */
export function withJob(
  { configured, editable: { version } }: Seen,
  name: string,
  change: JobChange,
): ScheduleEdit & { readonly version: string } {
  const { [name]: _replaced, ...others } = configured.jobs ?? {}
  return { ...configured, version, jobs: change === null ? others : { ...others, [name]: change } }
}
