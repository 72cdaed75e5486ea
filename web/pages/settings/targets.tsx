import { useQuery, useQueryClient } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { listTargets } from '../../api/settings-calls.ts'
import type { TargetInfo } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import { useMay } from '../../session/permissions.ts'
import { CheckTarget } from './check-target.tsx'

/** Where backups are stored beside the backup directory. */
export function Targets(): ReactElement {
  const query = useQuery({ queryKey: ['targets'], queryFn: async ({ signal }) => listTargets(signal) })
  const queryClient = useQueryClient()
  const [checking, setChecking] = useState<TargetInfo | null>(null)
  const mayCheck = useMay('check-target')
  const close = (): void => {
    setChecking(null)
    void queryClient.invalidateQueries({ queryKey: ['targets'] })
  }
  return (
    <Panel title="Targets" flush>
      <Loaded query={query} what="targets">
        {targets =>
          targets.length === 0 ? (
            <Empty title="Backups stay on this machine">
              A fire or a thief takes database and backups together. Name a target elsewhere under targets in
              the configuration.
            </Empty>
          ) : (
            <DataTable
              caption="Targets"
              rows={targets}
              keyOf={({ name }) => name}
              columns={[
                { key: 'name', header: 'Target', part: 'lead', cell: ({ name }) => name },
                { key: 'place', header: 'Where', cell: ({ place }) => place },
                { key: 'check', header: 'Last check', cell: target => <LastCheck target={target} /> },
                {
                  key: 'append',
                  header: 'Deleting',
                  cell: ({ appendOnly }) =>
                    appendOnly ? <Badge tone="good">never: append only</Badge> : 'by its policy',
                },
                ...(mayCheck
                  ? [
                      {
                        key: 'act',
                        header: 'Actions',
                        part: 'actions' as const,
                        cell: (target: TargetInfo) => (
                          <Button aria-label={`Check ${target.name}`} onClick={() => setChecking(target)}>
                            Check
                          </Button>
                        ),
                      },
                    ]
                  : []),
              ]}
            />
          )
        }
      </Loaded>
      {checking !== null && <CheckTarget target={checking} onClose={close} />}
    </Panel>
  )
}

function LastCheck({ target: { check } }: { readonly target: TargetInfo }): ReactElement {
  if (check === null) return <Badge tone="warn">never checked</Badge>
  return <Badge tone={check.status === 'usable' ? 'good' : 'bad'}>{check.status}</Badge>
}
