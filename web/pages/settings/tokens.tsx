import { useMutation, useQuery } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { listTokens, revokeToken } from '../../api/settings-calls.ts'
import { queryClient } from '../../api/query-client.ts'
import type { AccessToken } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { Confirm } from '../../parts/dialog.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import { say } from '../../parts/toasts.tsx'
import { formatAge, formatDistance, formatInstant } from '../../words/times.ts'
import { useNow } from '../../words/use-now.ts'
import { CreateToken } from './create-token.tsx'

/** Who and what may come in. */
export function Tokens(): ReactElement {
  const query = useQuery({ queryKey: ['tokens'], queryFn: async ({ signal }) => listTokens(signal) })
  return (
    <Panel title="API tokens" flush aside={<CreateToken />}>
      <Loaded query={query} what="tokens">
        {tokens =>
          tokens.length === 0 ? (
            <Empty title="There are no tokens yet">Each person and each program gets one of its own.</Empty>
          ) : (
            <TokenTable tokens={tokens} />
          )
        }
      </Loaded>
    </Panel>
  )
}

function TokenTable({ tokens }: { readonly tokens: readonly AccessToken[] }): ReactElement {
  const now = useNow()
  const [leaving, setLeaving] = useState<AccessToken | null>(null)
  return (
    <>
      <DataTable
        caption="API tokens"
        rows={tokens}
        keyOf={({ id }) => id}
        columns={[
          {
            key: 'name',
            header: 'Name',
            part: 'lead',
            cell: ({ name }) => <span className="break-all">{name}</span>,
          },
          {
            key: 'role',
            header: 'Role',
            cell: ({ role }) => <Badge tone={role === 'admin' ? 'warn' : 'neutral'}>{role}</Badge>,
          },
          { key: 'created', header: 'Created', cell: ({ createdAt }) => formatInstant(createdAt) },
          {
            key: 'expires',
            header: 'Expires',
            cell: ({ expiresAt }) =>
              expiresAt === null ? (
                'never'
              ) : Date.parse(expiresAt) <= now ? (
                <Badge tone="bad">expired</Badge>
              ) : (
                formatDistance(expiresAt, now)
              ),
          },
          {
            key: 'used',
            header: 'Last used',
            cell: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : formatAge(lastUsedAt, now)),
          },
          {
            key: 'actions',
            header: 'Actions',
            part: 'actions',
            cell: token => (
              <Button
                look="quiet"
                className="text-bad"
                aria-label={`Revoke ${token.name}`}
                onClick={() => setLeaving(token)}
              >
                Revoke
              </Button>
            ),
          },
        ]}
      />
      {leaving !== null && <RevokeToken token={leaving} onClose={() => setLeaving(null)} />}
    </>
  )
}

function RevokeToken({
  token,
  onClose,
}: {
  readonly token: AccessToken
  readonly onClose: () => void
}): ReactElement {
  const revoking = useMutation({
    mutationFn: async () => revokeToken(token.id),
    onSuccess: () => {
      say('The token is revoked')
      void queryClient.invalidateQueries({ queryKey: ['tokens'] })
      onClose()
    },
  })
  return (
    <Confirm
      open
      onClose={onClose}
      title="Revoke this token?"
      action="Revoke"
      isBusy={revoking.isPending}
      error={revoking.error}
      onConfirm={() => revoking.mutate()}
    >
      <p>
        <strong className="break-all">{token.name}</strong> ({token.role}) is refused from now on, and
        sessions that were opened with it end.
      </p>
    </Confirm>
  )
}
