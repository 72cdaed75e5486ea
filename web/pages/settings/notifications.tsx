import { useMutation, useQuery } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { listChannels, testNotifications } from '../../api/settings-calls.ts'
import type { ChannelView } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Empty, Loaded, ProblemNote } from '../../parts/states.tsx'
import { inConsole } from '../../words/hints.ts'
import { useMay } from '../../session/permissions.ts'

/** Whom the scheduler tells, with a button that tries each. */
export function Notifications(): ReactElement {
  const query = useQuery({ queryKey: ['channels'], queryFn: async ({ signal }) => listChannels(signal) })
  const mayTest = useMay('test-notifications')
  return (
    <Panel title="Notifications" flush>
      <Loaded query={query} what="channels">
        {channels =>
          channels.length === 0 ? (
            <Empty title="Nobody is told">
              Name channels under notify in the configuration: docs/notifications.md.
            </Empty>
          ) : (
            <DataTable
              caption="Channels"
              rows={channels}
              keyOf={({ name }) => name}
              columns={[
                { key: 'name', header: 'Channel', part: 'lead', cell: ({ name }) => name },
                { key: 'kind', header: 'Kind', cell: ({ kind }) => kind },
                {
                  key: 'events',
                  header: 'Events',
                  cell: ({ events }) => events?.join(', ') ?? 'the default',
                },
                {
                  key: 'databases',
                  header: 'Databases',
                  cell: ({ databases }) => databases?.join(', ') ?? 'all',
                },
                {
                  key: 'test',
                  header: 'Test',
                  part: 'actions',
                  cell: channel => (mayTest ? <TestChannel channel={channel} /> : null),
                },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  )
}

function TestChannel({ channel: { name } }: { readonly channel: ChannelView }): ReactElement {
  const testing = useMutation({ mutationFn: async () => testNotifications(name) })
  const result = testing.data?.channels[0]
  return (
    <div className="grid gap-2 text-sm">
      <span className="flex items-center gap-2">
        <Button
          aria-label={`Send a test to ${name}`}
          disabled={testing.isPending}
          onClick={() => testing.mutate()}
        >
          {testing.isPending ? 'Sending …' : 'Send a test'}
        </Button>
        <span role="status" className="empty:-ms-2">
          {result !== undefined && (
            <Badge tone={result.status === 'failed' ? 'bad' : 'good'}>{result.status}</Badge>
          )}
        </span>
      </span>
      {result !== undefined && 'message' in result && typeof result.message === 'string' && (
        <span className="max-w-sm min-w-56 text-start whitespace-normal text-muted [overflow-wrap:anywhere]">
          {result.message}
          {'hint' in result && typeof result.hint === 'string' && ` ${inConsole(result.hint)}`}
        </span>
      )}
      {testing.isError && (
        <div className="max-w-sm text-start whitespace-normal">
          <ProblemNote error={testing.error} />
        </div>
      )}
    </div>
  )
}
