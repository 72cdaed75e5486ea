import type { ReactElement } from 'react'
import { runScheduled } from '../../api/calls.ts'
import type { JobResults } from '../../api/types.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJob } from '../../jobs/use-job.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/states.tsx'

/** Runs a job of the schedule at once. */
export function RunNow({
  job,
  onClose,
}: {
  readonly job: string
  readonly onClose: () => void
}): ReactElement {
  const running = useJob<'run-scheduled'>(async () => runScheduled(job))
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Run ${job} now`}
      about="On each database that it is for. Its schedule stays as it is."
    >
      <div className="grid gap-4">
        <JobProgress job={running.job} error={running.error} onCancel={running.cancel} />
        {running.result !== null && <Ran result={running.result} />}
        {!running.isBusy && (
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>Close</Button>
            {running.result === null && (
              <Button look="primary" onClick={running.begin}>
                Run
              </Button>
            )}
          </div>
        )}
      </div>
    </Dialog>
  )
}

function Ran({ result }: { readonly result: JobResults['run-scheduled'] }): ReactElement {
  return (
    <Notice tone={result.status === 'succeeded' ? 'good' : 'warn'}>
      <ul className="grid gap-1.5">
        {result.runs.map(({ database, lastRun }) => (
          <li key={database}>
            <Badge tone={lastRun?.outcome === 'succeeded' ? 'good' : 'bad'}>
              {lastRun?.outcome ?? 'not run'}
            </Badge>{' '}
            {database}: {lastRun?.summary ?? lastRun?.failure?.message ?? ''}
          </li>
        ))}
      </ul>
    </Notice>
  )
}
