import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { compareAudit, readAudit, verifyAudit } from '../../api/calls.ts'
import { useDatabases } from '../../api/queries.ts'
import { listTargets } from '../../api/settings-calls.ts'
import type { AuditEntry, AuditLogVerified } from '../../api/types.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJob } from '../../jobs/use-job.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { SearchField, SelectField } from '../../parts/field.tsx'
import { PageHeader } from '../../parts/panel.tsx'
import { Empty, Loaded, Loading, Notice, ProblemNote } from '../../parts/states.tsx'
import { useMay } from '../../session/permissions.ts'
import { counted, formatCount } from '../../words/numbers.ts'
import { formatInstant, formatSpan } from '../../words/times.ts'

const PAGE_SIZE = 100

/** Who did what, by whichever door. */
export function Activity(): ReactElement {
  const mayRead = useMay('read-audit')
  const query = useDatabases()
  const databases = query.data ?? []
  const [chosen, setChosen] = useState('')
  const database = chosen === '' ? databases[0]?.name : chosen
  return (
    <>
      <PageHeader
        title="Activity"
        about="Everything that was done, by the console, the API, the command line and the scheduler. Each line holds a hash of the one before."
        actions={
          databases.length > 1 && (
            <SelectField
              label="Database"
              isLabelHidden
              value={database}
              onChange={event => setChosen(event.target.value)}
            >
              {databases.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </SelectField>
          )
        }
      />
      {!mayRead && <Notice tone="info">The audit log is for operators and admins.</Notice>}
      {mayRead && (
        <Loaded query={query} what="the databases">
          {() => database !== undefined && <Log key={database} database={database} />}
        </Loaded>
      )}
    </>
  )
}

function Log({ database }: { readonly database: string }): ReactElement {
  const [search, setSearch] = useState('')
  const query = useInfiniteQuery({
    queryKey: ['db', database, 'audit'],
    queryFn: async ({ pageParam, signal }) =>
      readAudit(database, { before: pageParam, limit: PAGE_SIZE }, signal),
    initialPageParam: null as number | null,
    getNextPageParam: page => (page.hasMore ? (page.entries.at(-1)?.seq ?? null) : null),
  })
  const entries = query.data?.pages.flatMap(page => page.entries) ?? []
  const shown = entries.filter(entry => textOf(entry).includes(search.toLowerCase()))
  return (
    <section aria-label="Audit log" className="rounded-lg border border-line bg-surface">
      <div className="grid items-start gap-3 border-b border-line p-3 sm:grid-cols-[minmax(0,1fr)_auto]">
        <SearchField label="Search what is shown" value={search} onChange={setSearch} />
        <VerifyChain database={database} />
      </div>
      {query.isPending && <Loading what="the audit log" />}
      {query.isError && (
        <div className="p-4">
          <ProblemNote error={query.error} onRetry={() => void query.refetch()} />
        </div>
      )}
      {query.isSuccess && shown.length === 0 && (
        <Empty title={search === '' ? 'Nothing was done yet' : 'No entry matches'} />
      )}
      {shown.length > 0 && <EntryTable entries={shown} />}
      {query.hasNextPage && (
        <div className="border-t border-line p-3 text-center">
          <Button onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
            Older entries
          </Button>
        </div>
      )}
    </section>
  )
}

function textOf({ actor, action, database, on, result }: AuditEntry): string {
  return [actor.who, actor.door, action, database, on, result].join(' ').toLowerCase()
}

function EntryTable({ entries }: { readonly entries: readonly AuditEntry[] }): ReactElement {
  return (
    <DataTable
      caption="What was done, newest first"
      rows={entries}
      keyOf={({ seq }) => String(seq)}
      columns={[
        {
          key: 'action',
          header: 'What',
          part: 'lead',
          cell: ({ action, on }) => (
            <>
              <span className="font-medium">{action}</span>
              {on !== null && (
                <span className="block max-w-md text-xs font-normal break-all text-muted">{on}</span>
              )}
            </>
          ),
        },
        {
          key: 'who',
          header: 'Who',
          cell: ({ actor }) => (
            <>
              <span className="break-all">{actor.who}</span>{' '}
              <span className="text-xs text-muted">by {actor.door}</span>
            </>
          ),
        },
        { key: 'time', header: 'When', cell: ({ time }) => formatInstant(time) },
        {
          key: 'result',
          header: 'Result',
          cell: ({ result, durationMs }) => (
            <>
              {result === 'success' ? <Badge tone="good">success</Badge> : <Badge tone="bad">{result}</Badge>}{' '}
              <span className="text-xs text-muted">{formatSpan(durationMs)}</span>
            </>
          ),
        },
        {
          key: 'seq',
          header: 'Line',
          numeric: true,
          cell: ({ seq, hash }) => <span title={`SHA-256 ${hash}`}>{formatCount(seq)}</span>,
        },
      ]}
    />
  )
}

function VerifyChain({ database }: { readonly database: string }): ReactElement {
  const verifying = useMutation({ mutationFn: async () => verifyAudit(database) })
  const query = useQuery({ queryKey: ['targets'], queryFn: async ({ signal }) => listTargets(signal) })
  const targets = query.data ?? []
  return (
    <div className="grid gap-2 sm:justify-items-end">
      <Button onClick={() => verifying.mutate()} disabled={verifying.isPending}>
        {verifying.isPending ? 'Verifying …' : 'Verify the log'}
      </Button>
      {verifying.isError && <ProblemNote error={verifying.error} />}
      {verifying.data !== undefined && <Verified verified={verifying.data} />}
      {targets.length > 0 && <CompareWithTargets database={database} />}
    </div>
  )
}

/** What the log itself cannot show: that its tail was cut off, or all of it written anew. */
function CompareWithTargets({ database }: { readonly database: string }): ReactElement {
  const running = useJob<'verify-audit'>(async () => compareAudit(database))
  return (
    <>
      <Button onClick={running.begin} disabled={running.isBusy}>
        Compare with the targets
      </Button>
      <JobProgress job={running.job} error={running.error} onCancel={running.cancel} />
      {running.result !== null && <Verified verified={running.result} />}
    </>
  )
}

const WORDS = {
  intact: lines => `Intact: ${lines}, none changed, missing or moved.`,
  incomplete: lines => `${lines}, none changed, missing or moved; but not all of it could be compared.`,
  damaged: () => 'The log was tampered with or damaged.',
} as const satisfies Record<AuditLogVerified['status'], (lines: string) => string>

function anchorWords({
  target,
  status,
  agreeing,
  newest,
  failure,
}: AuditLogVerified['anchors'][number]): string {
  if (failure !== null) return `${target} could not be asked: ${failure.message}`
  if (status === 'none' || newest === null) return `${target} knows nothing of this log yet.`
  return `${target} knows ${counted(agreeing, 'line')} that ${agreeing === 1 ? 'is' : 'are'} there, the newest since ${formatInstant(newest.time)}.`
}

function Verified({
  verified: { status, entries, problems, notes, anchors },
}: {
  readonly verified: AuditLogVerified
}): ReactElement {
  return (
    <Notice tone={status === 'intact' ? 'good' : 'warn'}>
      <p role="status" className="font-semibold">
        {WORDS[status](counted(entries, 'line'))}
      </p>
      {[...problems.map(({ message }) => message), ...notes, ...anchors.map(anchorWords)].map(text => (
        <p key={text}>{text}</p>
      ))}
    </Notice>
  )
}
