import { useQuery } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { getSettings } from '../../api/settings-calls.ts'
import { Facts, PageHeader, Panel } from '../../parts/panel.tsx'
import { Loaded } from '../../parts/states.tsx'
import { useMay } from '../../session/permissions.ts'
import { formatInstant } from '../../words/times.ts'
import { Notifications } from './notifications.tsx'
import { Targets } from './targets.tsx'
import { Tokens } from './tokens.tsx'

/** Who may come in, who is told, and where backups go. */
export function Settings(): ReactElement {
  const mayManageTokens = useMay('manage-tokens')
  return (
    <>
      <PageHeader title="Settings" about="Who may come in, who is told, and where backups go." />
      <div className="grid gap-5">
        {mayManageTokens && <Tokens />}
        <Notifications />
        <Targets />
        <Server />
      </div>
    </>
  )
}

function Server(): ReactElement {
  const query = useQuery({ queryKey: ['settings'], queryFn: async ({ signal }) => getSettings(signal) })
  return (
    <Panel title="Server">
      <Loaded query={query} what="the settings">
        {({ version, startedAt, defaultDatabase, editable }) => (
          <Facts
            facts={[
              ['Version', version],
              ['Started', formatInstant(startedAt)],
              ['Default database', defaultDatabase],
              ['Configuration', editable.file ?? 'none: everything has its default'],
              ['Editable from here', editable.isEditable ? 'yes' : `no: ${editable.why ?? ''}`],
            ]}
          />
        )}
      </Loaded>
    </Panel>
  )
}
