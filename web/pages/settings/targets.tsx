import { useQuery } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { listTargets } from '../../api/calls.ts'
import { Badge } from '../../parts/badge.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'

/** Where backups are stored beside the backup directory. */
export function Targets(): ReactElement {
  const query = useQuery({ queryKey: ['targets'], queryFn: async ({ signal }) => listTargets(signal) })
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
                { key: 'kind', header: 'Kind', cell: ({ kind }) => kind },
                {
                  key: 'append',
                  header: 'Deleting',
                  cell: ({ appendOnly }) =>
                    appendOnly ? <Badge tone="good">never: append only</Badge> : 'by its policy',
                },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  )
}
