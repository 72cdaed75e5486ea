import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { saveSchedule } from '../../api/calls.ts'
import { useSchedule } from '../../api/queries.ts'
import { queryClient } from '../../api/query-client.ts'
import type { JobState, ScheduleView } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { PageHeader, Panel } from '../../parts/panel.tsx'
import { ScrollRegion } from '../../parts/scroll-region.tsx'
import { Empty, Loaded, Notice, ProblemNote } from '../../parts/states.tsx'
import { useMay } from '../../session/permissions.ts'
import { inConsole } from '../../words/hints.ts'
import { formatDistance, formatInstant } from '../../words/times.ts'
import { useNow } from '../../words/use-now.ts'
import { EditJob } from './edit-job.tsx'
import { withJob } from './jobs.ts'
import { RunNow } from './run-now.tsx'

/** What runs by itself, and how it went. */
export function Schedule(): ReactElement {
  const query = useSchedule()
  return (
    <>
      <PageHeader
        title="Schedule"
        about="What chame-backup-scheduler does by itself, when, and how the last runs went."
      />
      <Loaded query={query} what="the schedule">
        {view => (
          <div className="grid gap-5">
            <SchedulerState view={view} />
            <Jobs view={view} />
            <NextRuns runs={view.nextRuns} />
            <LastRuns jobs={view.status.directories.flatMap(({ jobs }) => jobs)} />
          </div>
        )}
      </Loaded>
    </>
  )
}

function SchedulerState({ view: { status } }: { readonly view: ScheduleView }): ReactElement {
  const isRunning = status.directories.some(directory => directory.isRunning)
  if (!isRunning) {
    return (
      <Notice tone="warn">
        <p className="font-semibold">No scheduler is running.</p>
        <p>
          Nothing below happens until one does: start chame-backup-scheduler, or install it with{' '}
          <code>chame-backup systemd --install</code>.
        </p>
      </Notice>
    )
  }
  if (status.status !== 'fine') {
    return (
      <Notice tone="warn">
        {status.status === 'failing' ? 'A job is failing.' : 'A backup is overdue.'}
      </Notice>
    )
  }
  return <Notice tone="good">The scheduler is running, and all is well.</Notice>
}

function Jobs({ view }: { readonly view: ScheduleView }): ReactElement {
  const mayEdit = useMay('edit-schedule')
  const mayRun = useMay('run-scheduled')
  const [asked, setAsked] = useState<{ readonly what: 'run' | 'edit'; readonly job: string } | null>(null)
  const { jobs, configured, editable } = view
  const turnedOff = Object.entries(configured.jobs ?? {}).flatMap(([name, job]) =>
    job === false ? [name] : [],
  )
  return (
    <Panel
      title="Jobs"
      flush
      aside={
        mayEdit &&
        editable.isEditable && <Button onClick={() => setAsked({ what: 'edit', job: '' })}>Add a job</Button>
      }
    >
      {mayEdit && !editable.isEditable && (
        <p className="border-b border-line px-4 py-2 text-sm text-muted">
          The schedule cannot be changed from here: {editable.why}
        </p>
      )}
      <DataTable
        caption="Jobs"
        rows={jobs}
        keyOf={({ name }) => name}
        columns={[
          {
            key: 'name',
            header: 'Job',
            part: 'lead',
            cell: ({ name, isDefault }) => (
              <>
                <span className="font-medium">{name}</span> {isDefault && <Badge>default</Badge>}
              </>
            ),
          },
          { key: 'kind', header: 'Does', cell: ({ kind }) => kind },
          { key: 'cron', header: 'When', cell: ({ cron }) => <code className="text-xs">{cron}</code> },
          {
            key: 'actions',
            header: 'Actions',
            part: 'actions',
            cell: ({ name }) => (
              <span className="flex gap-2">
                {mayRun && (
                  <Button aria-label={`Run ${name} now`} onClick={() => setAsked({ what: 'run', job: name })}>
                    Run now
                  </Button>
                )}
                {mayEdit && editable.isEditable && (
                  <Button aria-label={`Edit ${name}`} onClick={() => setAsked({ what: 'edit', job: name })}>
                    Edit
                  </Button>
                )}
              </span>
            ),
          },
        ]}
      />
      {turnedOff.map(name => (
        <TurnedOff key={name} view={view} name={name} />
      ))}
      {asked?.what === 'run' && <RunNow job={asked.job} onClose={() => setAsked(null)} />}
      {asked?.what === 'edit' && <EditJob view={view} name={asked.job} onClose={() => setAsked(null)} />}
    </Panel>
  )
}

/** A default job that somebody has turned off. */
function TurnedOff({ view, name }: { readonly view: ScheduleView; readonly name: string }): ReactElement {
  const mayEdit = useMay('edit-schedule')
  const turning = useMutation({
    mutationFn: async () => saveSchedule(withJob(view, name, null)),
    onSuccess: saved => queryClient.setQueryData(['schedule'], saved),
  })
  return (
    <div className="flex flex-wrap items-center justify-between gap-3 border-t border-line px-4 py-2 text-sm">
      <span className="text-muted">{name} is turned off.</span>
      {turning.isError && <ProblemNote error={turning.error} />}
      {mayEdit && view.editable.isEditable && (
        <Button aria-label={`Turn ${name} on`} disabled={turning.isPending} onClick={() => turning.mutate()}>
          Turn on
        </Button>
      )}
    </div>
  )
}

function NextRuns({ runs }: { readonly runs: ScheduleView['nextRuns'] }): ReactElement {
  const now = useNow()
  return (
    <Panel title="Next runs" flush>
      {runs.length === 0 ? (
        <Empty title="Nothing is scheduled" />
      ) : (
        <ScrollRegion label="Next runs" className="max-h-96">
          <DataTable
            caption="Next runs"
            rows={runs}
            keyOf={({ at, job, database }) => `${at} ${job} ${database}`}
            columns={[
              { key: 'at', header: 'When', part: 'lead', cell: ({ at }) => formatInstant(at) },
              { key: 'in', header: 'In', cell: ({ at }) => formatDistance(at, now) },
              {
                key: 'job',
                header: 'Job',
                cell: ({ job, type }) => (type === null || type === job ? job : `${job} (${type})`),
              },
              { key: 'database', header: 'Database', cell: ({ database }) => database },
            ]}
          />
        </ScrollRegion>
      )}
    </Panel>
  )
}

const OUTCOMES = {
  succeeded: 'good',
  retrying: 'warn',
  failed: 'bad',
  cancelled: 'neutral',
  interrupted: 'warn',
} as const

function LastRuns({ jobs }: { readonly jobs: readonly JobState[] }): ReactElement {
  const run = jobs.flatMap(job => (job.lastRun === null ? [] : [{ ...job, lastRun: job.lastRun }]))
  return (
    <Panel title="Last runs" flush>
      {run.length === 0 ? (
        <Empty title="Nothing has run yet" />
      ) : (
        <DataTable
          caption="Last runs"
          rows={run}
          keyOf={({ job, database }) => `${job} ${database}`}
          columns={[
            { key: 'job', header: 'Job', part: 'lead', cell: ({ job, database }) => `${job} of ${database}` },
            {
              key: 'outcome',
              header: 'Outcome',
              cell: ({ lastRun: { outcome } }) => <Badge tone={OUTCOMES[outcome]}>{outcome}</Badge>,
            },
            { key: 'ended', header: 'Ended', cell: ({ lastRun }) => formatInstant(lastRun.endedAt) },
            {
              key: 'summary',
              header: 'What',
              cell: ({ lastRun: { summary, failure } }) =>
                failure === null ? (
                  (summary ?? '–')
                ) : (
                  <>
                    {failure.message} <code className="text-xs text-muted">{failure.code}</code>
                    {failure.hint !== undefined && (
                      <span className="block text-xs text-muted">{inConsole(failure.hint)}</span>
                    )}
                  </>
                ),
            },
          ]}
        />
      )}
    </Panel>
  )
}
