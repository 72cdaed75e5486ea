import type { ReactElement } from 'react'
import type { DatabaseView } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'
import { Link } from '../../routing/router.tsx'
import { formatDistance, formatInstant } from '../../words/times.ts'
import { useNow } from '../../words/use-now.ts'

const SHOWN_MAX = 4

/** What the scheduler does next about a database. */
export function NextRuns({ schedule }: { readonly schedule: DatabaseView['schedule'] }): ReactElement {
  const now = useNow()
  const next = (schedule?.jobs ?? [])
    .flatMap(job => (job.nextRunAt === null ? [] : [{ ...job, at: job.nextRunAt }]))
    .toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at))
    .slice(0, SHOWN_MAX)
  return (
    <div>
      <h3 className="mb-2">Next runs</h3>
      {schedule !== null && schedule.scheduler.stoppedAt !== null && (
        <p className="mb-2 text-sm text-warn">
          No scheduler is running:{' '}
          <Link to={{ page: 'schedule' }} className="underline">
            Schedule
          </Link>
        </p>
      )}
      {next.length === 0 ? (
        <p className="text-sm text-muted">
          {schedule === null ? 'No scheduler has run here yet.' : 'Nothing is scheduled.'}{' '}
          <Link to={{ page: 'schedule' }} className="text-accent underline">
            Schedule
          </Link>
        </p>
      ) : (
        <ul className="grid gap-1.5 text-sm">
          {next.map(({ job, at, failingSince }) => (
            <li key={job} className="flex flex-wrap items-baseline justify-between gap-x-3">
              <span className="font-medium">
                {job} {failingSince !== null && <Badge tone="bad">failing</Badge>}
              </span>
              <span className="text-muted" title={formatInstant(at)}>
                {formatDistance(at, now)}
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
