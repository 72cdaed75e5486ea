import { useQuery } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { cleanUp, planCleanup } from '../../api/calls.ts'
import type { JobOf } from '../../api/types.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJob } from '../../jobs/use-job.ts'
import { Button } from '../../parts/button.tsx'
import { Confirm } from '../../parts/dialog.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Loaded } from '../../parts/states.tsx'
import { say } from '../../parts/toasts.tsx'
import { counted, formatBytes } from '../../words/numbers.ts'
import { formatInstant } from '../../words/times.ts'
import { everywhere } from './places.ts'

const NAMED_MAX = 12

/** Deletes now what the saved policy does not keep. */
export function CleanUp({
  database,
  isChanged,
}: {
  readonly database: string
  readonly isChanged: boolean
}): ReactElement {
  const [isAsked, setAsked] = useState(false)
  return (
    <Panel title="Clean up now">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="text-sm text-muted">
          {isChanged
            ? 'Save the policy first: a cleanup goes by the saved one.'
            : 'The cleanup job of the schedule does this by itself.'}
        </p>
        <Button look="danger" disabled={isChanged} onClick={() => setAsked(true)}>
          Clean up …
        </Button>
      </div>
      {isAsked && <Asking database={database} onClose={() => setAsked(false)} />}
    </Panel>
  )
}

function Asking({
  database,
  onClose,
}: {
  readonly database: string
  readonly onClose: () => void
}): ReactElement {
  // Planned anew each time: a plan holds for what was shown, once.
  const plan = useQuery({
    queryKey: ['db', database, 'cleanup-plan', 'saved'],
    queryFn: async () => planCleanup(database, null),
    gcTime: 0,
    staleTime: 0,
  })
  const deleted = plan.data === undefined ? [] : everywhere(plan.data).deleted
  const carryOut = async (): Promise<JobOf<'cleanup'>> => {
    try {
      return await cleanUp(database, plan.data?.plan ?? '')
    } catch (error) {
      // It is used up, or no longer what would be deleted: what would be is shown anew.
      void plan.refetch()
      throw error
    }
  }
  const cleaning = useJob<'cleanup'>(carryOut, {
    onDone: result => {
      const done = everywhere(result)
      say(
        `${counted(done.deleted.length, 'backup')} deleted`,
        `${formatBytes(done.freedBytes)} are free again.`,
      )
      onClose()
    },
  })
  return (
    <Confirm
      open
      onClose={onClose}
      title="Delete what the policy does not keep?"
      action={`Delete ${counted(deleted.length, 'backup')}`}
      isReady={plan.isSuccess && !plan.isFetching && deleted.length > 0}
      isBusy={cleaning.isBusy}
      error={cleaning.error}
      onConfirm={cleaning.begin}
    >
      <Loaded query={plan} what="the plan">
        {planned =>
          deleted.length === 0 ? (
            <p>Every backup is kept: there is nothing to delete.</p>
          ) : (
            <>
              <p>
                {counted(deleted.length, 'backup')}, {formatBytes(everywhere(planned).freedBytes)}:
              </p>
              <ul className="my-2 list-disc pl-5">
                {deleted.slice(0, NAMED_MAX).map(({ backup }) => (
                  <li key={backup.path}>
                    {backup.type} of {formatInstant(backup.created)}
                    {backup.target !== null && ` at ${backup.target}`}
                  </li>
                ))}
                {deleted.length > NAMED_MAX && <li>and {deleted.length - NAMED_MAX} more</li>}
              </ul>
            </>
          )
        }
      </Loaded>
      <JobProgress job={cleaning.job} error={null} />
    </Confirm>
  )
}
