import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { planCleanup } from '../../api/calls.ts'
import type { BackupDecision, CleanupPlanned, RetentionPolicy } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { Panel } from '../../parts/panel.tsx'
import { ScrollRegion } from '../../parts/scroll-region.tsx'
import { Empty, Loaded, Notice, Working } from '../../parts/states.tsx'
import { counted, formatBytes } from '../../words/numbers.ts'
import { formatInstant } from '../../words/times.ts'
import { NowTimeline } from './now-timeline.tsx'
import { isOfFields, NotValid } from './not-valid.tsx'
import { everywhere } from './places.ts'

/** What a cleanup by this policy would do now, with the plan that lets the policy be saved. */
export function usePreview(
  database: string,
  policy: RetentionPolicy,
  { isWanted }: { readonly isWanted: boolean },
): UseQueryResult<CleanupPlanned> {
  return useQuery({
    queryKey: ['db', database, 'cleanup-plan', policy],
    queryFn: async () => planCleanup(database, policy),
    placeholderData: keepPreviousData,
    enabled: isWanted,
  })
}

/** What a cleanup by this policy would keep and delete now, and why. */
export function PreviewNow({ query }: { readonly query: UseQueryResult<CleanupPlanned> }): ReactElement {
  return (
    <Panel title="Now" flush aside={query.isPlaceholderData && <Working />}>
      {isOfFields(query.error) ? (
        <NotValid />
      ) : (
        <Loaded query={query} what="what would be kept">
          {plan => <Plan plan={plan} />}
        </Loaded>
      )}
    </Panel>
  )
}

function Plan({ plan }: { readonly plan: CleanupPlanned }): ReactElement {
  const { kept, deleted, freedBytes, problems, left } = everywhere(plan)
  if (kept.length + deleted.length === 0 && problems.length === 0)
    return <Empty title="There are no backups yet" />
  return (
    <>
      <div className="grid gap-4 p-4">
        {problems.map(problem => (
          <Notice key={problem} tone="warn">
            {problem}
          </Notice>
        ))}
        <p role="status" className="text-sm">
          <strong>{counted(kept.length, 'backup')}</strong> kept, <strong>{deleted.length}</strong> deleted,{' '}
          {formatBytes(freedBytes)} freed{left > 0 && `; ${left} more would go with the next cleanup`}.
        </p>
        <NowTimeline kept={kept} deleted={deleted} />
      </div>
      <details className="border-t border-line">
        <summary className="px-4 py-2 text-sm text-muted">Each backup, and why</summary>
        <ScrollRegion label="Each backup, and why" className="max-h-96">
          <Decisions
            decisions={[...deleted, ...kept].toSorted(
              (a, b) => Date.parse(b.backup.created) - Date.parse(a.backup.created),
            )}
          />
        </ScrollRegion>
      </details>
    </>
  )
}

function Decisions({ decisions }: { readonly decisions: readonly BackupDecision[] }): ReactElement {
  return (
    <DataTable
      caption="Each backup, and why"
      rows={decisions}
      keyOf={({ backup }) => backup.path}
      columns={[
        {
          key: 'created',
          header: 'Created',
          part: 'lead',
          cell: ({ backup }) => formatInstant(backup.created),
        },
        { key: 'type', header: 'Type', cell: ({ backup }) => backup.type },
        ...(decisions.some(({ backup }) => backup.target !== null)
          ? [{ key: 'place', header: 'At', cell: placeOf }]
          : []),
        {
          key: 'decision',
          header: 'It is',
          cell: ({ keptBy }) =>
            keptBy.length > 0 ? <Badge tone="good">kept</Badge> : <Badge tone="bad">deleted</Badge>,
        },
        { key: 'why', header: 'Why', cell: ({ why }) => why },
      ]}
    />
  )
}

function placeOf({ backup }: BackupDecision): string {
  return backup.target ?? 'the backup directory'
}
