import { useQuery } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { getSettings, recoverySheetUrl } from '../../api/settings-calls.ts'
import { buttonClass } from '../../parts/button.tsx'
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
  const maySeeSheet = useMay('recovery-sheet')
  return (
    <>
      <PageHeader title="Settings" about="Who may come in, who is told, and where backups go." />
      <div className="grid gap-5">
        {mayManageTokens && <Tokens />}
        <Notifications />
        <Targets />
        {maySeeSheet && <RecoverySheet />}
        <Server />
      </div>
    </>
  )
}

function RecoverySheet(): ReactElement {
  return (
    <Panel
      title="Recovery sheet"
      aside={
        <a className={buttonClass()} href={recoverySheetUrl()} download>
          Download
        </a>
      }
    >
      <p className="max-w-2xl text-sm">
        A page to print and keep elsewhere, by which somebody else restores when this machine is gone: where
        the backups are, who can open them, and what to type. Nothing on it is secret.
      </p>
    </Panel>
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
